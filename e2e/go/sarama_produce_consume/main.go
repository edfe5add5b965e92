// A SyncProducer that waits for all replicas, plain and (at the newest versions) idempotent, in every codec; a partition consumer from the oldest record,
// from the newest, and from an offset.
package main

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"weir.dev/e2e/scenario"
)

const each = 100

var codecs = []sarama.CompressionCodec{
	sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD,
}

func main() {
	topic := scenario.Unique("sarama")
	var sent []string
	for _, codec := range codecs {
		for _, idempotent := range []bool{false, true} {
			sent = append(sent, produce(topic, codec, idempotent, int64(len(sent)))...)
		}
	}

	client, err := sarama.NewClient(scenario.Bootstrap(), sarama.NewConfig())
	scenario.Must("connect", err)
	defer client.Close()
	consumer, err := sarama.NewConsumerFromClient(client)
	scenario.Must("new consumer", err)
	defer consumer.Close()

	scenario.Equal("from the oldest", take(consumer, topic, sarama.OffsetOldest, len(sent), nil), sent)
	scenario.Equal("from an offset", take(consumer, topic, 42, 3, nil), sent[42:45])
	scenario.Equal("from the newest: only what comes", take(consumer, topic, sarama.OffsetNewest, 1, func() {
		produceOne(topic, "fresh")
	}), []string{"fresh"})
	end, err := client.GetOffset(topic, 0, sarama.OffsetNewest)
	scenario.Must("end offset", err)
	scenario.Equal("end offset", end, int64(len(sent)+1))
	fmt.Printf("%d records in %d codecs, plain and idempotent; from oldest, newest and between\n", len(sent), len(codecs))
}

func produce(topic string, codec sarama.CompressionCodec, idempotent bool, base int64) []string {
	config := producerConfig()
	config.Producer.Compression = codec
	if idempotent {
		config.Version = sarama.MaxVersion
		config.Producer.Idempotent = true
		config.Net.MaxOpenRequests = 1
	}
	producer, err := sarama.NewSyncProducer(scenario.Bootstrap(), config)
	scenario.Must("new producer", err)
	defer producer.Close()

	var values []string
	for number := range each {
		value := fmt.Sprintf("%s %t %d", codec, idempotent, number)
		_, offset, err := producer.SendMessage(&sarama.ProducerMessage{
			Topic: topic, Key: sarama.StringEncoder("key"), Value: sarama.StringEncoder(value),
			Headers: []sarama.RecordHeader{{Key: []byte("codec"), Value: []byte(codec.String())}},
		})
		scenario.Must("send "+value, err)
		scenario.Equal("offset of "+value, offset, base+int64(number))
		values = append(values, value)
	}
	return values
}

func produceOne(topic, value string) {
	producer, err := sarama.NewSyncProducer(scenario.Bootstrap(), producerConfig())
	scenario.Must("new producer", err)
	defer producer.Close()
	_, _, err = producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(value)})
	scenario.Must("send "+value, err)
}

func producerConfig() *sarama.Config {
	config := sarama.NewConfig()
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Retry.Max = 10
	config.Producer.Return.Successes = true
	return config
}

// take reads that many values from an offset on; once the consumer is in its place, it calls then.
func take(consumer sarama.Consumer, topic string, from int64, count int, then func()) []string {
	partition, err := consumer.ConsumePartition(topic, 0, from)
	scenario.Must("consume the partition", err)
	defer partition.Close()
	if then != nil {
		then()
	}
	var values []string
	for len(values) < count {
		select {
		case message := <-partition.Messages():
			values = append(values, string(message.Value))
		case <-time.After(scenario.Patience):
			scenario.Fail("only %d of %d records came back", len(values), count)
		}
	}
	return values
}
