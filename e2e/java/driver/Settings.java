import java.util.Properties;

/** What the driver is told by its environment, and settings that notice quickly: a dead connection at once, a silent one within a
 * second and a half, a new leader within moments. */
final class Settings {
    static final String TOPIC = told("TOPIC");
    static final String GROUP = told("GROUP");
    static final int PARTITIONS = Integer.parseInt(told("PARTITIONS"));
    static final int RATE = Integer.parseInt(told("RATE"));
    static final int MEMBERS = Integer.parseInt(told("MEMBERS"));

    private Settings() {}

    static Properties quick() {
        Properties quick = new Properties();
        quick.put("bootstrap.servers", told("BOOTSTRAP"));
        quick.put("request.timeout.ms", 1500);
        quick.put("socket.connection.setup.timeout.ms", 500);
        quick.put("socket.connection.setup.timeout.max.ms", 1000);
        quick.put("reconnect.backoff.ms", 10);
        quick.put("reconnect.backoff.max.ms", 100);
        quick.put("retry.backoff.ms", 10);
        quick.put("retry.backoff.max.ms", 50);
        quick.put("metadata.max.age.ms", 1000);
        return quick;
    }

    static Properties producer() {
        Properties settings = quick();
        settings.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        settings.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        settings.put("acks", "all");
        settings.put("enable.idempotence", true);
        settings.put("delivery.timeout.ms", 120_000);
        settings.put("linger.ms", 0);
        return settings;
    }

    /** A member on the rack of a broker, so that it reads from the replica there, be it leader or follower. */
    static Properties member(int number) {
        Properties settings = quick();
        settings.put("client.rack", "rack-" + number);
        settings.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        settings.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        settings.put("group.id", GROUP);
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", false);
        settings.put("session.timeout.ms", 6000);
        settings.put("heartbeat.interval.ms", 500);
        settings.put("fetch.max.wait.ms", 100);
        settings.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
        return settings;
    }

    private static String told(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalArgumentException(name + " is not set");
        }
        return value;
    }
}
