import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.InvalidRecordException;
import org.apache.kafka.common.errors.RecordTooLargeException;

/** An idempotent producer that writes 0, 1, 2, … to each partition in turn, at a steady rate, until told to finish. */
final class Writer implements Runnable {
    private static final int MAX_UNANSWERED = 1000;
    static final Duration FINISH_WITHIN = Duration.ofSeconds(90);

    private final Semaphore room = new Semaphore(MAX_UNANSWERED);
    private volatile boolean writing = true;

    void finish() {
        writing = false;
    }

    @Override
    public void run() {
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(Settings.producer())) {
            long everyNanos = 1_000_000_000L / Settings.RATE;
            long due = System.nanoTime();
            for (int count = 0; writing; due += everyNanos) {
                TimeUnit.NANOSECONDS.sleep(due - System.nanoTime());
                if (room.tryAcquire(1, TimeUnit.SECONDS)) {
                    write(producer, count % Settings.PARTITIONS, count / Settings.PARTITIONS);
                    count++;
                } else {
                    due = System.nanoTime();
                }
            }
            // Answers still due arrive while it closes; what does not is of unknown fate.
            producer.close(FINISH_WITHIN);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
        if (room.availablePermits() < MAX_UNANSWERED) {
            Notes.why("java: " + (MAX_UNANSWERED - room.availablePermits()) + " values were not answered in " + FINISH_WITHIN);
        }
    }

    private void write(KafkaProducer<String, String> producer, int partition, int number) {
        String value = String.format("\"w\":\"java\",\"p\":%d,\"v\":%d", partition, number);
        Notes.note("invoke", value);
        try {
            producer.send(new ProducerRecord<>(Settings.TOPIC, partition, null, "java:" + number), (metadata, error) -> {
                room.release();
                if (error == null) {
                    Notes.note("ok", value + ",\"o\":" + metadata.offset());
                } else {
                    refused(value, error);
                }
            });
        } catch (RuntimeException error) {
            room.release();
            refused(value, error);
        }
    }

    /** Only what promises that nothing was written is a failure. */
    private static void refused(String value, Exception error) {
        boolean promised = error instanceof RecordTooLargeException || error instanceof InvalidRecordException;
        Notes.note(promised ? "fail" : "unknown", value + ",\"why\":" + Notes.quoted(error.toString()));
    }
}
