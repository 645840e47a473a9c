# The errands of errands.ts with Bunny: ruby errands.rb URL PREFIX; prints the report as one line of JSON.

require "bunny"
require "json"

url, prefix = ARGV
connection = Bunny.new(url, heartbeat: 1, logger: Logger.new(IO::NULL)).start
report = {}

# The reply code and text with which the broker refuses a step, on a channel of its own.
refusal = lambda do |on = connection, &step|
  channel = on.create_channel
  step.call(channel)
  nil
rescue Bunny::ChannelLevelException => e
  "#{e.channel_close.reply_code} #{e.channel_close.reply_text}"
end

channel = connection.create_channel
channel.confirm_select
work = channel.queue("#{prefix}-work", durable: true)
5.times { |task| channel.default_exchange.publish(task.to_s, routing_key: work.name, persistent: true) }
report["confirmed"] = channel.wait_for_confirms

worker = connection.create_channel
worker.prefetch(2)
arrived = Queue.new
worker.queue(work.name, passive: true).subscribe(manual_ack: true) { |*delivery| arrived << delivery }
sleep 0.3
report["prefetch"] = arrived.size
report["work"] = Array.new(5) do
  delivery, _properties, body = arrived.pop
  worker.ack(delivery.delivery_tag)
  body
end
worker.close

work.publish("again")
quitter = connection.create_channel
quitter.basic_get(work.name, manual_ack: true)
quitter.close
delivery, _properties, body = channel.basic_get(work.name)
report["redelivered"] = [body, delivery.redelivered]

topic = channel.topic("#{prefix}-topic", auto_delete: true)
queue = channel.queue("", exclusive: true)
["kern.*", "*.critical"].each { |pattern| queue.bind(topic, routing_key: pattern) }
%w[kern.info cron.info cron.critical a.b.critical].each { |key| topic.publish(key, routing_key: key) }
channel.wait_for_confirms
report["topic"] = Array.new(2) { queue.pop.last }

headers = channel.headers("#{prefix}-headers", auto_delete: true)
queue = channel.queue("", exclusive: true)
queue.bind(headers, arguments: { "x-match" => "all", "type" => "report", "pages" => 3 })
headers.publish("other", headers: { "type" => "report", "pages" => 4 })
headers.publish("match", headers: { "type" => "report", "pages" => 3 })
channel.wait_for_confirms
report["headers"] = queue.pop.last

returned = Queue.new
exchange = channel.default_exchange
exchange.on_return { |back, _properties, text| returned << "#{back.reply_code} #{back.reply_text} #{text}" }
exchange.publish("lost", routing_key: "#{prefix}-nowhere", mandatory: true)
report["returned"] = returned.pop

server = channel.queue("#{prefix}-rpc", auto_delete: true)
server.subscribe do |_delivery, request, text|
  exchange.publish((text.to_i**2).to_s, routing_key: request.reply_to, correlation_id: request.correlation_id)
end
replies = Queue.new
answers = connection.create_channel
answers.basic_consume("amq.rabbitmq.reply-to", "", true) do |_delivery, reply, text|
  replies << "#{reply.correlation_id}: #{text}"
end
request = { routing_key: server.name, reply_to: "amq.rabbitmq.reply-to", correlation_id: "call" }
answers.default_exchange.publish("7", **request)
report["rpc"] = replies.pop

queue = channel.queue("", exclusive: true)
sent = { "text" => "ü", "number" => 7, "flag" => true, "nested" => { "list" => [1, "two"] } }
queue.publish("x" * 300_000, content_type: "text/plain", type: "kind", priority: 3, headers: sent)
channel.wait_for_confirms
_delivery, properties, body = queue.pop
report["properties"] = [properties.content_type, properties.type, properties.priority, properties.headers, body.size]

graveyard = channel.queue("", exclusive: true)
dying = { "x-dead-letter-exchange" => "", "x-dead-letter-routing-key" => graveyard.name }
queue = channel.queue("", exclusive: true, arguments: dying)
queue.publish("dead")
channel.wait_for_confirms
channel.reject(queue.pop(manual_ack: true).first.delivery_tag)
sleep 0.05 until (dead = graveyard.pop).last
death = dead[1].headers["x-death"].first
report["deadLetter"] = [dead.last, death["reason"], death["count"]]

transactional = connection.create_channel
transactional.tx_select
queue = channel.queue("", exclusive: true)
report["transaction"] = %i[tx_rollback tx_commit].map do |ending|
  transactional.default_exchange.publish("in doubt", routing_key: queue.name)
  transactional.public_send(ending)
  queue.pop.last
end

queue = channel.queue("#{prefix}-cancelled")
cancelled = Queue.new
consumer = Bunny::Consumer.new(channel, queue)
consumer.on_cancellation { |cancel| cancelled << (cancel.consumer_tag == consumer.consumer_tag) }
queue.subscribe_with(consumer)
connection.create_channel.queue_delete(queue.name)
report["cancelled"] = cancelled.pop

queue = channel.queue("#{prefix}-auto", auto_delete: true)
queue.subscribe.cancel
report["autoDeleted"] = refusal.call { |ch| ch.queue(queue.name, passive: true) }

report["inequivalent"] = refusal.call { |ch| ch.queue(work.name, durable: false) }
report["missing"] = refusal.call { |ch| ch.queue("#{prefix}-nope", passive: true) }
channel.queue("#{prefix}-mine", exclusive: true)
other = Bunny.new(url, logger: Logger.new(IO::NULL)).start
report["locked"] = refusal.call(other) { |ch| ch.queue("#{prefix}-mine", passive: true) }
other.close

sleep 2.5
report["deleted"] = work.delete.message_count
connection.close
puts JSON.generate(report)
