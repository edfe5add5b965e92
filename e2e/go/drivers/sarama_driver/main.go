// The sarama driver of the fault runs: an idempotent producer and a group of two, which note all they are told. Told by its
// environment what to do (see faults/drivers.py) and by its standard input when to stop; writes the lines that faults/history.py
// reads to its standard output.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sys/unix"

	"weir.dev/e2e/scenario"
)

const (
	maxUnanswered = 1000
	finishWithin  = 90 * time.Second
	commitEvery   = 500 * time.Millisecond
)

type event map[string]any

var output struct {
	mutex  sync.Mutex
	writer *bufio.Writer
}

// note writes one line; the clock is the machine's monotonic one, the same for all processes.
func note(kind string, facts event) {
	var now unix.Timespec
	scenario.Must("clock", unix.ClockGettime(unix.CLOCK_MONOTONIC, &now))
	facts["e"], facts["t"] = kind, float64(now.Nano())/1e9
	line, err := json.Marshal(facts)
	scenario.Must("line", err)
	output.mutex.Lock()
	defer output.mutex.Unlock()
	output.writer.Write(append(line, '\n'))
	output.writer.Flush()
}

func number(name string) int {
	value, err := strconv.Atoi(os.Getenv(name))
	scenario.Must(name, err)
	return value
}

// quick is tuned to notice soon: a dead connection at once, a silent one within seconds, a new leader within moments.
func quick() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V3_6_0_0
	config.Net.DialTimeout = 500 * time.Millisecond
	config.Net.ReadTimeout = 1500 * time.Millisecond
	config.Net.WriteTimeout = 1500 * time.Millisecond
	config.Net.MaxOpenRequests = 1
	config.Metadata.Retry.Max = 1000
	config.Metadata.Retry.Backoff = 20 * time.Millisecond
	config.Metadata.RefreshFrequency = time.Second
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Idempotent = true
	config.Producer.Timeout = time.Second
	config.Producer.Retry.Max = 1_000_000
	config.Producer.Retry.Backoff = 20 * time.Millisecond
	config.Producer.Return.Successes = true
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Flush.Frequency = 2 * time.Millisecond
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Offsets.AutoCommit.Interval = commitEvery
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	config.Consumer.Group.Rebalance.Timeout = 10 * time.Second
	config.Consumer.MaxWaitTime = 100 * time.Millisecond
	config.Consumer.Retry.Backoff = 50 * time.Millisecond
	return config
}

// writer sends 0, 1, 2, … to each partition in turn.
type writer struct {
	topic      string
	partitions int
	room       chan struct{}
	unanswered atomic.Int64
	producer   sarama.AsyncProducer
}

func (w *writer) run(perSecond int, finish <-chan struct{}) {
	answers := sync.WaitGroup{}
	answers.Add(2)
	go func() { defer answers.Done(); w.acknowledged() }()
	go func() { defer answers.Done(); w.notAcknowledged() }()
	pace := time.NewTicker(time.Second / time.Duration(perSecond))
	defer pace.Stop()
	for count := 0; ; {
		select {
		case <-finish:
			w.producer.AsyncClose()
			w.await(&answers)
			return
		case <-pace.C:
		}
		select {
		case w.room <- struct{}{}:
			w.send(int32(count%w.partitions), count/w.partitions)
			count++
		default:
		}
	}
}

func (w *writer) send(partition int32, number int) {
	note("invoke", event{"w": "sarama", "p": partition, "v": number})
	w.unanswered.Add(1)
	value := sarama.StringEncoder(fmt.Sprintf("sarama:%d", number))
	w.producer.Input() <- &sarama.ProducerMessage{Topic: w.topic, Partition: partition, Value: value, Metadata: number}
}

func (w *writer) acknowledged() {
	for message := range w.producer.Successes() {
		note("ok", event{"w": "sarama", "p": message.Partition, "v": message.Metadata, "o": message.Offset})
		w.unanswered.Add(-1)
		<-w.room
	}
}

func (w *writer) notAcknowledged() {
	for failed := range w.producer.Errors() {
		kind := "unknown"
		if errors.Is(failed.Err, sarama.ErrMessageSizeTooLarge) || errors.Is(failed.Err, sarama.ErrInvalidRecord) {
			kind = "fail"
		}
		note(kind, event{"w": "sarama", "p": failed.Msg.Partition, "v": failed.Msg.Metadata, "why": failed.Err.Error()})
		w.unanswered.Add(-1)
		<-w.room
	}
}

func (w *writer) await(answers *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { answers.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(finishWithin):
		note("note", event{"why": fmt.Sprintf("sarama: %d values were not answered in %s", w.unanswered.Load(), finishWithin)})
	}
}

// member is a member of the group.
type member struct {
	name, group string
	assignment  int
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.assignment++
	owned := []int32{}
	for _, claimed := range session.Claims() {
		owned = append(owned, claimed...)
	}
	note("own", event{"c": m.name, "group": m.group, "g": session.GenerationID(), "ps": owned})
	note("assign", event{"c": m.name, "a": m.assignment, "ps": owned})
	return nil
}

func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	owned := []int32{}
	for _, claimed := range session.Claims() {
		owned = append(owned, claimed...)
	}
	note("revoke", event{"c": m.name, "ps": owned})
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			writer, number, _ := strings.Cut(string(message.Value), ":")
			value, err := strconv.Atoi(number)
			scenario.Must("value "+string(message.Value), err)
			read := [][]any{{message.Offset, writer, value}}
			note("poll", event{"c": m.name, "p": message.Partition, "a": m.assignment, "r": read})
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func (m *member) run(running context.Context, topic string, done *sync.WaitGroup) {
	defer done.Done()
	for running.Err() == nil {
		consumers, err := sarama.NewConsumerGroup(scenario.Bootstrap(), m.group, quick())
		if err == nil {
			err = m.consume(running, consumers, topic)
			consumers.Close()
		}
		if err != nil {
			note("note", event{"why": m.name + ": " + err.Error()})
			time.Sleep(100 * time.Millisecond)
		}
	}
}

func (m *member) consume(running context.Context, consumers sarama.ConsumerGroup, topic string) error {
	for running.Err() == nil {
		if err := consumers.Consume(running, []string{topic}, m); err != nil {
			note("note", event{"why": m.name + ": " + err.Error()})
			time.Sleep(100 * time.Millisecond)
			if errors.Is(err, sarama.ErrClosedConsumerGroup) || errors.Is(err, sarama.ErrClosedClient) {
				return err
			}
		}
	}
	return nil
}

func main() {
	output.writer = bufio.NewWriterSize(os.Stdout, 1<<16)
	topic := os.Getenv("TOPIC")
	producer, err := sarama.NewAsyncProducer(scenario.Bootstrap(), quick())
	scenario.Must("new producer", err)
	writing := &writer{topic: topic, partitions: number("PARTITIONS"), room: make(chan struct{}, maxUnanswered), producer: producer}
	finish, finished := make(chan struct{}), make(chan struct{})
	go func() { defer close(finished); writing.run(number("RATE"), finish) }()

	running, stop := context.WithCancel(context.Background())
	var members sync.WaitGroup
	for place := range number("MEMBERS") {
		members.Add(1)
		one := &member{name: fmt.Sprintf("sarama-%d", place), group: os.Getenv("GROUP")}
		go one.run(running, topic, &members)
	}
	note("note", event{"why": "ready"})

	input := bufio.NewReader(os.Stdin)
	input.ReadString('\n')
	close(finish)
	<-finished
	note("note", event{"why": "finished"})
	input.ReadString('\n')
	stop()
	members.Wait()
}
