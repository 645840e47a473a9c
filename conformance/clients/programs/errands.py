"""The errands of errands.ts with kombu (on py-amqp): python3 errands.py URL PREFIX; prints the report as one line of
JSON."""

import json
import socket
import sys
import time

import amqp
from kombu import Connection, Consumer, Exchange, Producer, Queue

report = {}


def connect(url, heartbeat=0):
    return Connection(url, heartbeat=heartbeat, transport_options={"confirm_publish": True})


def refusal(connection, step):
    """The reply code and text with which the broker refuses a step, on a channel of its own."""
    try:
        step(connection.channel())
    except amqp.exceptions.AMQPError as error:
        return f"{error.reply_code} {error.reply_text}"
    return None


def get(queue, **options):
    message = queue.get(no_ack=True, **options)
    return message and message.body


def private_queue(channel, exchange=None, routing_key="", **arguments):
    queue = Queue(exchange=exchange, routing_key=routing_key, exclusive=True, durable=False, channel=channel, **arguments)
    queue.declare()
    return queue


def work_queue(connection, channel, work):
    work.declare()
    producer = Producer(channel)
    for task in range(5):
        producer.publish(str(task), routing_key=work.name)
    # A confirmed publish returns when it is confirmed, and raises otherwise.
    report["confirmed"] = True

    arrived, done = [], []
    worker = connection.channel()
    consumer = Consumer(worker, [work], prefetch_count=2, on_message=arrived.append)
    with consumer:
        try:
            while True:
                connection.drain_events(timeout=0.3)
        except socket.timeout:
            report["prefetch"] = len(arrived)
        while len(done) < 5:
            while not arrived:
                connection.drain_events(timeout=10)
            message = arrived.pop(0)
            message.ack()
            done.append(message.body)
    report["work"] = done
    worker.close()

    producer.publish("again", routing_key=work.name)
    quitter = connection.channel()
    work(quitter).get()
    quitter.close()
    message = work.get(no_ack=True)
    report["redelivered"] = [message.body, message.delivery_info["redelivered"]]


def routing(channel, prefix):
    topic = Exchange(f"{prefix}-topic", "topic", durable=False, auto_delete=True, channel=channel)
    queue = private_queue(channel, topic, "kern.*")
    queue.bind_to(topic, "*.critical")
    for key in ["kern.info", "cron.info", "cron.critical", "a.b.critical"]:
        Producer(channel, topic).publish(key, routing_key=key)
    report["topic"] = [get(queue), get(queue)]

    headers = Exchange(f"{prefix}-headers", "headers", durable=False, auto_delete=True, channel=channel)
    match = {"x-match": "all", "type": "report", "pages": 3}
    queue = private_queue(channel, headers, binding_arguments=match)
    for body, pages in [("other", 4), ("match", 3)]:
        Producer(channel, headers).publish(body, headers={"type": "report", "pages": pages})
    report["headers"] = get(queue)


def returned(connection, prefix):
    returns = []
    producer = Producer(
        connection.channel(),
        on_return=lambda error, _exchange, _key, message: returns.append(
            f"{error.reply_code} {error.reply_text} {message.body}"
        ),
    )
    producer.publish("lost", routing_key=f"{prefix}-nowhere", mandatory=True)
    while not returns:
        connection.drain_events(timeout=10)
    report["returned"] = returns.pop()


def rpc(connection, channel, prefix):
    requests = Queue(f"{prefix}-rpc", durable=False, auto_delete=True)
    answers = connection.channel()

    def serve(request):
        Producer(channel).publish(
            str(int(request.body) ** 2),
            routing_key=request.properties["reply_to"],
            correlation_id=request.properties["correlation_id"],
        )

    replies = []
    with Consumer(channel, [requests], no_ack=True, on_message=serve):
        answers.basic_consume("amq.rabbitmq.reply-to", no_ack=True, callback=replies.append)
        call = {"reply_to": "amq.rabbitmq.reply-to", "correlation_id": "call"}
        Producer(answers).publish("7", routing_key=requests.name, **call)
        while not replies:
            connection.drain_events(timeout=10)
    report["rpc"] = f"{replies[0].properties['correlation_id']}: {replies[0].body}"


def properties(channel):
    queue = private_queue(channel)
    sent = {"text": "ü", "number": 7, "flag": True, "nested": {"list": [1, "two"]}}
    Producer(channel).publish(
        "x" * 300_000, routing_key=queue.name, content_type="text/plain", type="kind", priority=3, headers=sent
    )
    message = queue.get(no_ack=True)
    got = message.properties
    report["properties"] = [message.content_type, got["type"], got["priority"], message.headers, len(message.body)]


def dead_letter(channel):
    graveyard = private_queue(channel)
    dying = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": graveyard.name}
    queue = private_queue(channel, queue_arguments=dying)
    Producer(channel).publish("dead", routing_key=queue.name)
    queue.get().reject()
    while not (letter := graveyard.get(no_ack=True)):
        time.sleep(0.01)
    death = letter.headers["x-death"][0]
    report["deadLetter"] = [letter.body, death["reason"], death["count"]]


def transaction(url, channel):
    # Confirms and transactions exclude each other on a channel.
    with Connection(url) as connection:
        transactional = connection.default_channel
        transactional.tx_select()
        queue = private_queue(transactional)
        found = []
        for end in [transactional.tx_rollback, transactional.tx_commit]:
            Producer(transactional).publish("in doubt", routing_key=queue.name)
            end()
            found.append(get(queue))
        report["transaction"] = found


def cancelled(connection, channel, prefix):
    queue = Queue(f"{prefix}-cancelled", durable=False, channel=channel)
    queue.declare()
    cancels = []
    tag = channel.basic_consume(queue.name, on_cancel=cancels.append)
    queue(connection.channel()).delete()
    while not cancels:
        connection.drain_events(timeout=10)
    report["cancelled"] = cancels == [tag]


def refusals(connection, channel, url, prefix):
    auto = Queue(f"{prefix}-auto", durable=False, auto_delete=True, channel=channel)
    auto.declare()
    channel.basic_cancel(channel.basic_consume(auto.name))
    report["autoDeleted"] = refusal(connection, lambda ch: ch.queue_declare(auto.name, passive=True))
    work = f"{prefix}-work"
    report["inequivalent"] = refusal(connection, lambda ch: ch.queue_declare(work, durable=False, auto_delete=False))
    report["missing"] = refusal(connection, lambda ch: ch.queue_declare(f"{prefix}-nope", passive=True))
    mine = f"{prefix}-mine"
    channel.queue_declare(mine, exclusive=True)
    with connect(url) as other:
        report["locked"] = refusal(other, lambda ch: ch.queue_declare(mine, passive=True))


def main(url, prefix):
    with connect(url, heartbeat=1) as connection:
        channel = connection.default_channel
        work = Queue(f"{prefix}-work", durable=True, channel=channel)
        work_queue(connection, channel, work)
        routing(channel, prefix)
        returned(connection, prefix)
        rpc(connection, channel, prefix)
        properties(channel)
        dead_letter(channel)
        transaction(url, channel)
        cancelled(connection, channel, prefix)
        refusals(connection, channel, url, prefix)
        # Kombu beats only when it is told to.
        for _ in range(5):
            time.sleep(0.5)
            connection.heartbeat_check()
            try:
                connection.drain_events(timeout=0.01)
            except socket.timeout:
                pass
        report["deleted"] = work.delete()
    print(json.dumps(report, ensure_ascii=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
