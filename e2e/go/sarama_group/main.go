// A consumer group of one, then two members: the second takes its half, all is read once, offsets survive the end of the group.
package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"weir.dev/e2e/scenario"
)

const (
	partitions = 4
	each       = 50
)

// account is what a member was given and what it read.
type account struct {
	mutex  sync.Mutex
	claims int
	read   map[string]bool
}

func (a *account) Setup(session sarama.ConsumerGroupSession) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.claims = 0
	for _, claimed := range session.Claims() {
		a.claims += len(claimed)
	}
	return nil
}

func (a *account) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (a *account) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			a.mutex.Lock()
			a.read[string(message.Value)] = true
			a.mutex.Unlock()
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func (a *account) now() (claims, read int) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.claims, len(a.read)
}

// member consumes until its context ends.
type member struct {
	account
	cancel context.CancelFunc
	done   chan struct{}
}

func join(topic, group string) *member {
	config := sarama.NewConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	consumers, err := sarama.NewConsumerGroup(scenario.Bootstrap(), group, config)
	scenario.Must("new consumer group", err)
	running, cancel := context.WithCancel(context.Background())
	joined := &member{account: account{read: map[string]bool{}}, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(joined.done)
		for running.Err() == nil {
			if err := consumers.Consume(running, []string{topic}, &joined.account); err != nil {
				scenario.Fail("consume: %v", err)
			}
		}
		scenario.Must("leave the group", consumers.Close())
	}()
	return joined
}

func (m *member) leave() {
	m.cancel()
	<-m.done
}

func main() {
	topic, group := scenario.Unique("tasks"), scenario.Unique("workers")
	createTopic(topic)
	produce(topic, "early")

	first := join(topic, group)
	scenario.Eventually("the first member reads everything alone", func() bool {
		claims, read := first.now()
		return claims == partitions && read == partitions*each
	})
	second := join(topic, group)
	scenario.Eventually("two partitions each", func() bool {
		one, _ := first.now()
		two, _ := second.now()
		return one == 2 && two == 2
	})
	produce(topic, "shared")
	scenario.Eventually("both read the rest, each its half", func() bool {
		_, one := first.now()
		_, two := second.now()
		return one == partitions*each*3/2 && two == partitions*each/2
	})
	second.leave()
	scenario.Eventually("the first has all again", func() bool { claims, _ := first.now(); return claims == partitions })
	first.leave()

	produce(topic, "late")
	third := join(topic, group)
	scenario.Eventually("a later life goes on at the committed offsets", func() bool { _, read := third.now(); return read >= partitions*each })
	_, read := third.now()
	scenario.Equal("read by the later life", read, partitions*each)
	third.leave()
	fmt.Println("4 -> 2 + 2 -> 4 partitions; resumed where the group was")
}

func createTopic(topic string) {
	admin, err := sarama.NewClusterAdmin(scenario.Bootstrap(), sarama.NewConfig())
	scenario.Must("new admin", err)
	defer admin.Close()
	scenario.Must("create "+topic, admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false))
}

func produce(topic, phase string) {
	config := sarama.NewConfig()
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	producer, err := sarama.NewSyncProducer(scenario.Bootstrap(), config)
	scenario.Must("new producer", err)
	defer producer.Close()
	var messages []*sarama.ProducerMessage
	for partition := range int32(partitions) {
		for number := range each {
			value := fmt.Sprintf("%s %d %d", phase, partition, number)
			messages = append(messages, &sarama.ProducerMessage{Topic: topic, Partition: partition, Value: sarama.StringEncoder(value)})
		}
	}
	scenario.Must("send "+phase, producer.SendMessages(messages))
}
