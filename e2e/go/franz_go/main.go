// franz-go, which speaks every version the broker offers: an idempotent producer, a cooperative group, and its admin client.
package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"weir.dev/e2e/scenario"
)

const (
	partitions = 3
	count      = 1500
)

func main() {
	running, cancel := context.WithTimeout(context.Background(), 2*scenario.Patience)
	defer cancel()
	topic, group := scenario.Unique("franz"), scenario.Unique("readers")
	producer, err := kgo.NewClient(kgo.SeedBrokers(scenario.Bootstrap()...), kgo.DefaultProduceTopic(topic), kgo.RequiredAcks(kgo.AllISRAcks()))
	scenario.Must("new client", err)
	defer producer.Close()
	admin := kadm.NewClient(producer)
	_, err = admin.CreateTopic(running, partitions, 1, map[string]*string{"cleanup.policy": kadm.StringPtr("delete")}, topic)
	scenario.Must("create "+topic, err)

	for number := range count {
		record := &kgo.Record{Key: fmt.Appendf(nil, "key %d", number%17), Value: fmt.Appendf(nil, "%d", number)}
		producer.Produce(running, record, func(record *kgo.Record, err error) { scenario.Must("produce "+string(record.Value), err) })
	}
	scenario.Must("flush", producer.Flush(running))

	scenario.Equal("first sitting", consume(running, topic, group, count/2), count/2)
	scenario.Equal("second sitting", consume(running, topic, group, count-count/2), count-count/2)
	settled(running, admin, topic, group)
	fmt.Printf("%d records over %d partitions in two sittings\n", count, partitions)
}

// consume reads that many records in a group, each key in its order, commits and leaves.
func consume(running context.Context, topic, group string, wanted int) int {
	client, err := kgo.NewClient(kgo.SeedBrokers(scenario.Bootstrap()...), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	scenario.Must("new group client", err)
	defer client.Close()
	latest := map[string]int{}
	read := 0
	for read < wanted {
		fetches := client.PollRecords(running, wanted-read)
		scenario.Must("poll", fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) {
			var number int
			_, err := fmt.Sscan(string(record.Value), &number)
			scenario.Must("value "+string(record.Value), err)
			if before, seen := latest[string(record.Key)]; seen && number <= before {
				scenario.Fail("%s: %d after %d", record.Key, number, before)
			}
			latest[string(record.Key)] = number
			read++
		})
		scenario.Must("commit", client.CommitUncommittedOffsets(running))
	}
	return read
}

func settled(running context.Context, admin *kadm.Client, topic, group string) {
	lags, err := admin.Lag(running, group)
	scenario.Must("lag", err)
	scenario.Equal("lag of the group", lags[group].Lag.Total(), int64(0))
	ends, err := admin.ListEndOffsets(running, topic)
	scenario.Must("end offsets", err)
	var total int64
	ends.Each(func(end kadm.ListedOffset) { total += end.Offset })
	scenario.Equal("sum of the end offsets", total, int64(count))
	described, err := admin.DescribeGroups(running, group)
	scenario.Must("describe the group", err)
	scenario.Equal("state of the group", described[group].State, "Empty")
	_, err = admin.DeleteGroup(running, group)
	scenario.Must("delete the group", err)
	deleted, err := admin.DeleteTopics(running, topic)
	scenario.Must("delete topics", err)
	scenario.Must("delete "+topic, deleted[topic].Err)
}
