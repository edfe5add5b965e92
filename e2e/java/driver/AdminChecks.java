import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.QuorumInfo;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.errors.BrokerIdNotRegisteredException;
import org.apache.kafka.common.errors.ElectionNotNeededException;
import org.apache.kafka.common.errors.InvalidReplicaAssignmentException;
import org.apache.kafka.common.errors.NoReassignmentInProgressException;

/** What the Java AdminClient is told by a cluster of three brokers, numbered from 0, each on a rack of its own. */
public final class AdminChecks {
    private static final long WITHIN_NANOS = 45_000_000_000L;

    private final Admin admin;
    private final String topic = "checked-" + Long.toHexString(System.nanoTime());

    private AdminChecks(Admin admin) {
        this.admin = admin;
    }

    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", System.getenv("BOOTSTRAP"));
        try (Admin admin = Admin.create(settings)) {
            AdminChecks checks = new AdminChecks(admin);
            checks.cluster();
            checks.topic();
            checks.reassignment();
            checks.election();
            checks.directories();
            checks.quorum();
        }
        System.out.println("cluster, topic, reassignment, election, directories and quorum, as the AdminClient sees them");
    }

    private void cluster() throws Exception {
        var described = admin.describeCluster(new DescribeClusterOptions().includeFencedBrokers(true));
        Collection<Node> nodes = described.nodes().get();
        equal("brokers", nodes.stream().map(Node::id).collect(Collectors.toCollection(TreeSet::new)), Set.of(0, 1, 2));
        equal("racks", nodes.stream().map(Node::rack).collect(Collectors.toSet()), Set.of("rack-0", "rack-1", "rack-2"));
        equal("fenced", nodes.stream().filter(Node::isFenced).count(), 0L);
        equal("length of the cluster id", described.clusterId().get().length(), 22);
        refused("unregister a stranger", BrokerIdNotRegisteredException.class, () -> admin.unregisterBroker(17).all().get());
        var features = admin.describeFeatures().featureMetadata().get();
        equal("finalized features name metadata.version", features.finalizedFeatures().containsKey("metadata.version"), true);
    }

    private void topic() throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, Map.of(0, List.of(0, 1), 1, List.of(1, 2))))).all().get();
        eventually("all in sync", () -> describe().partitions().stream().allMatch(one -> one.isr().size() == 2 && one.leader() != null));
        equal("eligible replicas while enough are in sync",
            describe().partitions().stream().mapToInt(one -> one.elr() == null ? 0 : one.elr().size()).sum(), 0);
    }

    private void reassignment() throws Exception {
        TopicPartition first = new TopicPartition(topic, 0);
        refused("replicas that do not exist", InvalidReplicaAssignmentException.class, () -> move(first, List.of(0, 17)));
        refused("one replica twice", InvalidReplicaAssignmentException.class, () -> move(first, List.of(0, 0)));
        refused("cancel nothing", NoReassignmentInProgressException.class,
            () -> admin.alterPartitionReassignments(Map.of(first, Optional.empty())).all().get());
        move(first, List.of(2, 1));
        eventually("moved", () -> replicas(0).equals(List.of(2, 1)) && inSync(0).equals(Set.of(1, 2)));
        equal("left over", admin.listPartitionReassignments().reassignments().get(), Map.of());
    }

    private void election() throws Exception {
        TopicPartition first = new TopicPartition(topic, 0);
        eventually("a leader among the replicas", () -> describe().partitions().get(0).leader() != null);
        var outcome = admin.electLeaders(ElectionType.PREFERRED, Set.of(first)).partitions().get();
        Throwable error = outcome.get(first).orElse(null);
        equal("elected, or it leads already", error == null || error instanceof ElectionNotNeededException, true);
        eventually("the preferred one leads", () -> describe().partitions().get(0).leader().id() == 2);
        Throwable again = admin.electLeaders(ElectionType.PREFERRED, Set.of(first)).partitions().get().get(first).orElse(null);
        equal("a second election is not needed", again instanceof ElectionNotNeededException, true);
        Set<TopicPartition> all = new HashSet<>(List.of(first, new TopicPartition(topic, 1)));
        equal("answers of an unclean election", admin.electLeaders(ElectionType.UNCLEAN, all).partitions().get().keySet(), all);
    }

    private void directories() throws Exception {
        Map<Integer, Long> held = new HashMap<>();
        admin.describeLogDirs(List.of(0, 1, 2)).allDescriptions().get().forEach((broker, directories) -> held.put(broker,
            directories.values().stream().flatMap(one -> one.replicaInfos().keySet().stream()).filter(one -> one.topic().equals(topic)).count()));
        equal("replicas in the directories of each broker", held, Map.of(0, 0L, 1, 2L, 2, 2L));
        var replica = new TopicPartitionReplica(topic, 1, 2);
        equal("a replica has a directory",
            admin.describeReplicaLogDirs(List.of(replica)).all().get().get(replica).getCurrentReplicaLogDir() != null, true);
    }

    private void quorum() throws Exception {
        QuorumInfo quorum = admin.describeMetadataQuorum().quorumInfo().get();
        equal("voters", quorum.voters().stream().map(QuorumInfo.ReplicaState::replicaId).collect(Collectors.toSet()), Set.of(0, 1, 2));
        equal("a leader among them", quorum.leaderId() >= 0 && quorum.leaderId() <= 2, true);
        equal("a watermark", quorum.highWatermark() > 0, true);
    }

    private Void move(TopicPartition partition, List<Integer> replicas) throws Exception {
        return admin.alterPartitionReassignments(Map.of(partition, Optional.of(new NewPartitionReassignment(replicas)))).all().get();
    }

    private TopicDescription describe() throws Exception {
        return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
    }

    private List<Integer> replicas(int partition) throws Exception {
        return describe().partitions().get(partition).replicas().stream().map(Node::id).toList();
    }

    private Set<Integer> inSync(int partition) throws Exception {
        return describe().partitions().get(partition).isr().stream().map(Node::id).collect(Collectors.toSet());
    }

    private static void equal(String what, Object got, Object expected) {
        if (!got.equals(expected)) {
            throw new AssertionError(what + ": got " + got + ", expected " + expected);
        }
    }

    private static void refused(String what, Class<? extends Exception> with, Callable<?> question) throws Exception {
        try {
            question.call();
        } catch (ExecutionException refusal) {
            if (with.isInstance(refusal.getCause())) {
                return;
            }
            throw new AssertionError(what + " was refused with " + refusal.getCause() + ", expected " + with.getSimpleName());
        }
        throw new AssertionError(what + " was not refused");
    }

    private static void eventually(String what, Callable<Boolean> fact) throws Exception {
        for (long deadline = System.nanoTime() + WITHIN_NANOS; System.nanoTime() < deadline; Thread.sleep(50)) {
            if (fact.call()) {
                return;
            }
        }
        throw new AssertionError("not in time: " + what);
    }
}
