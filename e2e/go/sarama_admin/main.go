// The cluster admin: topics and their settings made, read, changed and removed; records deleted; groups listed and removed.
package main

import (
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"weir.dev/e2e/scenario"
)

func main() {
	topic := scenario.Unique("managed")
	admin, err := sarama.NewClusterAdmin(scenario.Bootstrap(), sarama.NewConfig())
	scenario.Must("new admin", err)
	defer admin.Close()

	hour := "3600000"
	detail := &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &hour}}
	scenario.Must("create", admin.CreateTopic(topic, detail, false))
	err = admin.CreateTopic(topic, detail, false)
	scenario.Equal("creating it again is refused as existing", errors.Is(err, sarama.ErrTopicAlreadyExists), true)
	scenario.Equal("retention.ms as created", setting(admin, topic, "retention.ms"), hour)

	day := "86400000"
	change := map[string]sarama.IncrementalAlterConfigsEntry{"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &day}}
	scenario.Must("alter incrementally", admin.IncrementalAlterConfig(sarama.TopicResource, topic, change, false))
	scenario.Eventually("altered", func() bool { return setting(admin, topic, "retention.ms") == day })
	scenario.Must("alter as a whole", admin.AlterConfig(sarama.TopicResource, topic, map[string]*string{"max.message.bytes": &hour}, false))
	scenario.Eventually("the whole was replaced", func() bool {
		return setting(admin, topic, "max.message.bytes") == hour && setting(admin, topic, "retention.ms") == "604800000"
	})

	scenario.Must("grow", admin.CreatePartitions(topic, 3, nil, false))
	scenario.Eventually("three partitions", func() bool { return partitions(admin, topic) == 3 })
	deleteRecords(admin, topic)
	forgetGroup(admin, topic)

	brokers, controller, err := admin.DescribeCluster()
	scenario.Must("describe the cluster", err)
	scenario.Equal("brokers", len(brokers), 1)
	scenario.Must("delete", admin.DeleteTopic(topic))
	scenario.Eventually("the topic is gone", func() bool {
		topics, err := admin.ListTopics()
		scenario.Must("list topics", err)
		_, there := topics[topic]
		return !there
	})
	fmt.Printf("created, altered, grown, emptied, deleted; controller %d\n", controller)
}

func setting(admin sarama.ClusterAdmin, topic, name string) string {
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{name}})
	scenario.Must("describe "+name, err)
	scenario.Equal("entries for one name", len(entries), 1)
	return entries[0].Value
}

func partitions(admin sarama.ClusterAdmin, topic string) int {
	described, err := admin.DescribeTopics([]string{topic})
	scenario.Must("describe "+topic, err)
	return len(described[0].Partitions)
}

func deleteRecords(admin sarama.ClusterAdmin, topic string) {
	config := sarama.NewConfig()
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	client, err := sarama.NewClient(scenario.Bootstrap(), config)
	scenario.Must("new client", err)
	defer client.Close()
	producer, err := sarama.NewSyncProducerFromClient(client)
	scenario.Must("new producer", err)
	for range 5 {
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Partition: 0, Value: sarama.StringEncoder("x")})
		scenario.Must("send", err)
	}
	scenario.Must("delete records", admin.DeleteRecords(topic, map[int32]int64{0: 3}))
	oldest, err := client.GetOffset(topic, 0, sarama.OffsetOldest)
	scenario.Must("oldest offset", err)
	scenario.Equal("oldest offset after the deletion", oldest, int64(3))
}

func forgetGroup(admin sarama.ClusterAdmin, topic string) {
	group := scenario.Unique("bookmarks")
	client, err := sarama.NewClient(scenario.Bootstrap(), sarama.NewConfig())
	scenario.Must("new client", err)
	defer client.Close()
	offsets, err := sarama.NewOffsetManagerFromClient(group, client)
	scenario.Must("new offset manager", err)
	bookmark, err := offsets.ManagePartition(topic, 0)
	scenario.Must("manage the partition", err)
	bookmark.MarkOffset(4, "page four")
	offsets.Commit()
	scenario.Must("close the bookmark", bookmark.Close())
	scenario.Must("close the offset manager", offsets.Close())

	committed, err := admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})
	scenario.Must("list offsets", err)
	block := committed.GetBlock(topic, 0)
	scenario.Equal("committed", fmt.Sprint(block.Offset, " ", block.Metadata), "4 page four")
	listed, err := admin.ListConsumerGroups()
	scenario.Must("list groups", err)
	_, there := listed[group]
	scenario.Equal("group is listed", there, true)
	described, err := admin.DescribeConsumerGroups([]string{group})
	scenario.Must("describe the group", err)
	scenario.Equal("state of the group", described[0].State, "Empty")
	scenario.Must("delete the group", admin.DeleteConsumerGroup(group))
	scenario.Equal("deleting it again is refused", errors.Is(admin.DeleteConsumerGroup(group), sarama.ErrGroupIDNotFound), true)
}
