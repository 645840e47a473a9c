// The errands of errands.ts with github.com/streadway/amqp: errands URL PREFIX; prints the report as one line of JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/streadway/amqp"
)

var report = map[string]interface{}{}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func connect(url string, heartbeat time.Duration) *amqp.Connection {
	connection, err := amqp.DialConfig(url, amqp.Config{Heartbeat: heartbeat})
	must(err)
	return connection
}

func open(connection *amqp.Connection) *amqp.Channel {
	channel, err := connection.Channel()
	must(err)
	return channel
}

// refusal is the reply code and text with which the broker refuses a step, on a channel of its own.
func refusal(connection *amqp.Connection, step func(*amqp.Channel) error) interface{} {
	if refused, ok := step(open(connection)).(*amqp.Error); ok {
		return fmt.Sprint(refused.Code, " ", refused.Reason)
	}
	return nil
}

func privateQueue(channel *amqp.Channel, arguments amqp.Table) string {
	queue, err := channel.QueueDeclare("", false, false, true, false, arguments)
	must(err)
	return queue.Name
}

func get(channel *amqp.Channel, queue string) interface{} {
	message, ok, err := channel.Get(queue, true)
	must(err)
	if !ok {
		return nil
	}
	return string(message.Body)
}

// publisher publishes on a channel in confirm mode and waits for the confirm.
type publisher struct {
	*amqp.Channel
	confirms chan amqp.Confirmation
}

func (p publisher) publish(exchange, key string, message amqp.Publishing) bool {
	must(p.Publish(exchange, key, false, false, message))
	return (<-p.confirms).Ack
}

func text(body string) amqp.Publishing { return amqp.Publishing{Body: []byte(body)} }

func main() {
	url, prefix := os.Args[1], os.Args[2]
	connection := connect(url, time.Second)
	channel := publisher{open(connection), nil}
	must(channel.Confirm(false))
	channel.confirms = channel.NotifyPublish(make(chan amqp.Confirmation, 1))

	work := prefix + "-work"
	workQueue(connection, channel, work)
	redelivery(connection, channel, work)
	routing(channel, prefix)
	returned(channel, prefix)
	rpc(connection, channel, prefix)
	properties(channel)
	deadLetter(channel)
	transaction(connection, channel)
	cancelled(connection, channel, prefix)
	refusals(connection, channel, url, prefix)

	time.Sleep(2500 * time.Millisecond)
	count, err := channel.QueueDelete(work, false, false, false)
	must(err)
	report["deleted"] = count
	must(connection.Close())
	line, err := json.Marshal(report)
	must(err)
	fmt.Println(string(line))
}

func workQueue(connection *amqp.Connection, channel publisher, work string) {
	_, err := channel.QueueDeclare(work, true, false, false, false, nil)
	must(err)
	confirmed := true
	for task := 0; task < 5; task++ {
		message := amqp.Publishing{Body: []byte(strconv.Itoa(task)), DeliveryMode: amqp.Persistent}
		confirmed = channel.publish("", work, message) && confirmed
	}
	report["confirmed"] = confirmed

	worker := open(connection)
	must(worker.Qos(2, 0, false))
	deliveries, err := worker.Consume(work, "", false, false, false, false, nil)
	must(err)
	var arrived []amqp.Delivery
	for late := time.After(300 * time.Millisecond); late != nil; {
		select {
		case delivery := <-deliveries:
			arrived = append(arrived, delivery)
		case <-late:
			late = nil
		}
	}
	report["prefetch"] = len(arrived)
	var done []string
	for len(done) < 5 {
		if len(arrived) == 0 {
			arrived = append(arrived, <-deliveries)
		}
		must(arrived[0].Ack(false))
		done = append(done, string(arrived[0].Body))
		arrived = arrived[1:]
	}
	report["work"] = done
	must(worker.Close())
}

func redelivery(connection *amqp.Connection, channel publisher, work string) {
	channel.publish("", work, text("again"))
	quitter := open(connection)
	_, _, err := quitter.Get(work, false)
	must(err)
	must(quitter.Close())
	message, _, err := channel.Get(work, true)
	must(err)
	report["redelivered"] = []interface{}{string(message.Body), message.Redelivered}
}

func routing(channel publisher, prefix string) {
	topic := prefix + "-topic"
	must(channel.ExchangeDeclare(topic, "topic", false, true, false, false, nil))
	queue := privateQueue(channel.Channel, nil)
	for _, pattern := range []string{"kern.*", "*.critical"} {
		must(channel.QueueBind(queue, pattern, topic, false, nil))
	}
	for _, key := range []string{"kern.info", "cron.info", "cron.critical", "a.b.critical"} {
		channel.publish(topic, key, text(key))
	}
	report["topic"] = []interface{}{get(channel.Channel, queue), get(channel.Channel, queue)}

	headers := prefix + "-headers"
	must(channel.ExchangeDeclare(headers, "headers", false, true, false, false, nil))
	queue = privateQueue(channel.Channel, nil)
	match := amqp.Table{"x-match": "all", "type": "report", "pages": int32(3)}
	must(channel.QueueBind(queue, "", headers, false, match))
	for pages, body := range map[int32]string{4: "other", 3: "match"} {
		table := amqp.Table{"type": "report", "pages": pages}
		channel.publish(headers, "", amqp.Publishing{Body: []byte(body), Headers: table})
	}
	report["headers"] = get(channel.Channel, queue)
}

func returned(channel publisher, prefix string) {
	returns := channel.NotifyReturn(make(chan amqp.Return, 1))
	must(channel.Publish("", prefix+"-nowhere", true, false, text("lost")))
	back := <-returns
	<-channel.confirms
	report["returned"] = fmt.Sprint(back.ReplyCode, " ", back.ReplyText, " ", string(back.Body))
}

func rpc(connection *amqp.Connection, channel publisher, prefix string) {
	queue, err := channel.QueueDeclare(prefix+"-rpc", false, true, false, false, nil)
	must(err)
	requests, err := open(connection).Consume(queue.Name, "", true, false, false, false, nil)
	must(err)
	answers := open(connection)
	replies, err := answers.Consume("amq.rabbitmq.reply-to", "", true, false, false, false, nil)
	must(err)
	request := amqp.Publishing{Body: []byte("7"), ReplyTo: "amq.rabbitmq.reply-to", CorrelationId: "call"}
	must(answers.Publish("", queue.Name, false, false, request))

	received := <-requests
	number, err := strconv.Atoi(string(received.Body))
	must(err)
	answer := text(strconv.Itoa(number * number))
	answer.CorrelationId = received.CorrelationId
	channel.publish("", received.ReplyTo, answer)
	reply := <-replies
	report["rpc"] = reply.CorrelationId + ": " + string(reply.Body)
}

func properties(channel publisher) {
	queue := privateQueue(channel.Channel, nil)
	channel.publish("", queue, amqp.Publishing{
		Body:        []byte(strings.Repeat("x", 300000)),
		ContentType: "text/plain",
		Type:        "kind",
		Priority:    3,
		Headers: amqp.Table{
			"text": "ü", "number": int32(7), "flag": true,
			"nested": amqp.Table{"list": []interface{}{int32(1), "two"}},
		},
	})
	message, _, err := channel.Get(queue, true)
	must(err)
	report["properties"] = []interface{}{
		message.ContentType, message.Type, message.Priority, message.Headers, len(message.Body),
	}
}

func deadLetter(channel publisher) {
	graveyard := privateQueue(channel.Channel, nil)
	dying := amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": graveyard}
	queue := privateQueue(channel.Channel, dying)
	dead, err := channel.Consume(graveyard, "", true, false, false, false, nil)
	must(err)
	channel.publish("", queue, text("dead"))
	message, _, err := channel.Get(queue, false)
	must(err)
	must(message.Reject(false))
	letter := <-dead
	death := letter.Headers["x-death"].([]interface{})[0].(amqp.Table)
	report["deadLetter"] = []interface{}{string(letter.Body), death["reason"], death["count"]}
}

func transaction(connection *amqp.Connection, channel publisher) {
	transactional := open(connection)
	must(transactional.Tx())
	queue := privateQueue(channel.Channel, nil)
	var found []interface{}
	for _, end := range []func() error{transactional.TxRollback, transactional.TxCommit} {
		must(transactional.Publish("", queue, false, false, text("in doubt")))
		must(end())
		found = append(found, get(channel.Channel, queue))
	}
	report["transaction"] = found
}

func cancelled(connection *amqp.Connection, channel publisher, prefix string) {
	name := prefix + "-cancelled"
	_, err := channel.QueueDeclare(name, false, false, false, false, nil)
	must(err)
	cancels := channel.NotifyCancel(make(chan string, 1))
	_, err = channel.Consume(name, "the-consumer", true, false, false, false, nil)
	must(err)
	_, err = open(connection).QueueDelete(name, false, false, false)
	must(err)
	report["cancelled"] = <-cancels == "the-consumer"
}

func refusals(connection *amqp.Connection, channel publisher, url, prefix string) {
	auto := prefix + "-auto"
	_, err := channel.QueueDeclare(auto, false, true, false, false, nil)
	must(err)
	_, err = channel.Consume(auto, auto, true, false, false, false, nil)
	must(err)
	must(channel.Cancel(auto, false))
	passive := func(name string) func(*amqp.Channel) error {
		return func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclarePassive(name, false, false, false, false, nil)
			return err
		}
	}
	report["autoDeleted"] = refusal(connection, passive(auto))
	report["inequivalent"] = refusal(connection, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(prefix+"-work", false, false, false, false, nil)
		return err
	})
	report["missing"] = refusal(connection, passive(prefix+"-nope"))

	mine := prefix + "-mine"
	_, err = channel.QueueDeclare(mine, false, false, true, false, nil)
	must(err)
	other := connect(url, time.Second)
	report["locked"] = refusal(other, passive(mine))
	must(other.Close())
}
