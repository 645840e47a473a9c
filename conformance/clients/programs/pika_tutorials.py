"""RabbitMQ's tutorials with pika: python3 pika_tutorials.py URL PREFIX FLOW; exit code 0 when the flow works."""

import sys

import pika


def connect(url):
    return pika.BlockingConnection(pika.URLParameters(url))


def take(channel, queue, count, auto_ack=True):
    """The next `count` messages of a queue as (method, properties, body)."""
    messages = []
    for message in channel.consume(queue, auto_ack=auto_ack, inactivity_timeout=5):
        assert message[0] is not None, f"only {len(messages)} of {count} messages arrived"
        messages.append(message)
        if len(messages) == count:
            break
    channel.cancel()
    return messages


def bodies(messages):
    return [body.decode() for _, _, body in messages]


def work_queue(connection, prefix):
    channel = connection.channel()
    queue = f"{prefix}-task"
    channel.queue_declare(queue=queue, durable=True)
    channel.basic_qos(prefetch_count=1)
    persistent = pika.BasicProperties(delivery_mode=2)
    for task in range(5):
        channel.basic_publish(exchange="", routing_key=queue, body=str(task), properties=persistent)
    done = []
    for method, _, body in channel.consume(queue, inactivity_timeout=5):
        done.append(body.decode())
        channel.basic_ack(method.delivery_tag)
        if len(done) == 5:
            break
    channel.cancel()
    assert done == ["0", "1", "2", "3", "4"], done
    channel.queue_delete(queue)


def publish_subscribe(connection, prefix):
    channel = connection.channel()
    exchange = f"{prefix}-logs"
    channel.exchange_declare(exchange=exchange, exchange_type="fanout", auto_delete=True)
    queues = [channel.queue_declare(queue="", exclusive=True).method.queue for _ in range(2)]
    for queue in queues:
        channel.queue_bind(exchange=exchange, queue=queue)
    channel.basic_publish(exchange=exchange, routing_key="", body="hello")
    for queue in queues:
        assert bodies(take(channel, queue, 1)) == ["hello"]


def routing(connection, prefix):
    channel = connection.channel()
    exchange = f"{prefix}-direct"
    channel.exchange_declare(exchange=exchange, exchange_type="direct", auto_delete=True)
    queue = channel.queue_declare(queue="", exclusive=True).method.queue
    for severity in ["warning", "error"]:
        channel.queue_bind(exchange=exchange, queue=queue, routing_key=severity)
    for severity in ["info", "warning", "debug", "error"]:
        channel.basic_publish(exchange=exchange, routing_key=severity, body=severity)
    assert bodies(take(channel, queue, 2)) == ["warning", "error"]


def topics(connection, prefix):
    channel = connection.channel()
    exchange = f"{prefix}-topic"
    channel.exchange_declare(exchange=exchange, exchange_type="topic", auto_delete=True)
    queue = channel.queue_declare(queue="", exclusive=True).method.queue
    for pattern in ["kern.*", "*.critical"]:
        channel.queue_bind(exchange=exchange, queue=queue, routing_key=pattern)
    for key in ["kern.info", "cron.info", "cron.critical", "a.b.critical"]:
        channel.basic_publish(exchange=exchange, routing_key=key, body=key)
    assert bodies(take(channel, queue, 2)) == ["kern.info", "cron.critical"]


def rpc(connection, prefix):
    channel = connection.channel()
    queue = f"{prefix}-rpc"
    channel.queue_declare(queue=queue, exclusive=True)

    def serve(ch, method, properties, body):
        answer = pika.BasicProperties(correlation_id=properties.correlation_id)
        ch.basic_publish(exchange="", routing_key=properties.reply_to, properties=answer, body=str(int(body) ** 2))
        ch.basic_ack(method.delivery_tag)

    channel.basic_consume(queue=queue, on_message_callback=serve)
    replies = []
    for reply_to in [channel.queue_declare(queue="", exclusive=True).method.queue, "amq.rabbitmq.reply-to"]:
        channel.basic_consume(
            queue=reply_to,
            auto_ack=True,
            on_message_callback=lambda _c, _m, properties, body: replies.append((properties.correlation_id, body)),
        )
        request = pika.BasicProperties(reply_to=reply_to, correlation_id=reply_to)
        channel.basic_publish(exchange="", routing_key=queue, properties=request, body="7")
        connection.process_data_events(time_limit=0)
        while not replies:
            connection.process_data_events(time_limit=5)
        assert replies.pop() == (reply_to, b"49")


def confirms(connection, prefix):
    channel = connection.channel()
    queue = f"{prefix}-confirms"
    channel.queue_declare(queue=queue, durable=True)
    channel.confirm_delivery()
    persistent = pika.BasicProperties(delivery_mode=2)
    for number in range(20):
        channel.basic_publish("", queue, str(number), properties=persistent, mandatory=True)
    try:
        channel.basic_publish("", f"{prefix}-nowhere", "x", mandatory=True)
        raise AssertionError("the message should have been returned")
    except pika.exceptions.UnroutableError:
        pass
    assert channel.queue_delete(queue).method.message_count == 20


def errors(connection, prefix):
    try:
        connection.channel().queue_declare(queue=f"{prefix}-nope", passive=True)
        raise AssertionError("the channel should have been closed")
    except pika.exceptions.ChannelClosedByBroker as error:
        assert error.reply_code == 404, error
        assert error.reply_text == f"NOT_FOUND - no queue '{prefix}-nope' in vhost '/'", error
    assert connection.channel().is_open


FLOWS = {
    flow.__name__: flow for flow in [work_queue, publish_subscribe, routing, topics, rpc, confirms, errors]
}


def main(url, prefix, name):
    connection = connect(url)
    FLOWS[name](connection, prefix)
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
