import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** A member of the group, cooperative, which commits what it has polled and nothing else. */
final class Member implements Runnable, ConsumerRebalanceListener {
    private static final long COMMIT_EVERY_NANOS = 500_000_000L;

    private final String name;
    private final KafkaConsumer<String, String> consumer;
    private final Map<TopicPartition, OffsetAndMetadata> polled = new HashMap<>();
    private final Map<Integer, Integer> assignments = new HashMap<>();
    private int assignment;
    private volatile boolean reading = true;

    Member(int number) {
        name = "java-" + number;
        consumer = new KafkaConsumer<>(Settings.member(number));
    }

    void leave() {
        reading = false;
    }

    @Override
    public void run() {
        consumer.subscribe(List.of(Settings.TOPIC), this);
        long committedAt = System.nanoTime();
        while (reading) {
            try {
                note(consumer.poll(Duration.ofMillis(100)));
                if (System.nanoTime() - committedAt > COMMIT_EVERY_NANOS) {
                    committedAt = System.nanoTime();
                    commit();
                }
            } catch (KafkaException failed) {
                Notes.why(name + ": " + failed);
            }
        }
        consumer.close(CloseOptions.timeout(Duration.ofSeconds(5)));
    }

    private void note(ConsumerRecords<String, String> records) {
        for (TopicPartition place : records.partitions()) {
            List<ConsumerRecord<String, String>> read = records.records(place);
            String pairs = read.stream().map(Member::read).collect(Collectors.joining(","));
            Notes.note("poll", String.format("\"c\":\"%s\",\"p\":%d,\"a\":%d,\"r\":[%s]",
                name, place.partition(), assignments.getOrDefault(place.partition(), 0), pairs));
            polled.put(place, new OffsetAndMetadata(read.get(read.size() - 1).offset() + 1));
        }
    }

    private static String read(ConsumerRecord<String, String> record) {
        String[] parts = record.value().split(":");
        return String.format("[%d,\"%s\",%s]", record.offset(), parts[0], parts[1]);
    }

    private void commit() {
        if (polled.isEmpty()) {
            return;
        }
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>(polled);
        consumer.commitSync(offsets, Duration.ofMillis(1500));
        String pairs = offsets.entrySet().stream()
            .map(entry -> "\"" + entry.getKey().partition() + "\":" + entry.getValue().offset())
            .collect(Collectors.joining(","));
        Notes.note("commit", String.format("\"c\":\"%s\",\"ps\":{%s}", name, pairs));
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> added) {
        assignment++;
        added.forEach(place -> assignments.put(place.partition(), assignment));
        Notes.note("own", String.format("\"c\":\"%s\",\"group\":\"%s\",\"g\":%d,\"ps\":%s",
            name, Settings.GROUP, consumer.groupMetadata().generationId(), partitions(consumer.assignment())));
        Notes.note("assign", String.format("\"c\":\"%s\",\"a\":%d,\"ps\":%s", name, assignment, partitions(added)));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
        revoked.forEach(polled::remove);
        Notes.note("revoke", String.format("\"c\":\"%s\",\"ps\":%s", name, partitions(revoked)));
    }

    private static String partitions(Collection<TopicPartition> places) {
        return places.stream().map(TopicPartition::partition).sorted().map(String::valueOf).collect(Collectors.joining(",", "[", "]"));
    }
}
