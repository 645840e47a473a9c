// The errands of errands.ts with RabbitMQ's Java client: java Errands URL PREFIX; prints the report as one line of JSON.

import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.AlreadyClosedException;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

public final class Errands {
  private static final String DIRECT_REPLY_TO = "amq.rabbitmq.reply-to";

  private final Map<String, Object> report = new TreeMap<>();
  private final String url;
  private final String prefix;
  private final Connection connection;
  private final Channel channel;

  private Errands(String url, String prefix) throws Exception {
    this.url = url;
    this.prefix = prefix;
    connection = connect(1);
    channel = connection.createChannel();
    channel.confirmSelect();
  }

  public static void main(String[] args) throws Exception {
    Errands errands = new Errands(args[0], args[1]);
    errands.workQueue();
    errands.redelivery();
    errands.routing();
    errands.returned();
    errands.rpc();
    errands.properties();
    errands.deadLetter();
    errands.transaction();
    errands.cancelled();
    errands.refusals();
    errands.idle();
    System.out.println(json(errands.report));
  }

  private interface Step {
    void on(Channel channel) throws IOException;
  }

  private Connection connect(int heartbeat) throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setUri(url);
    factory.setRequestedHeartbeat(heartbeat);
    factory.setAutomaticRecoveryEnabled(false);
    return factory.newConnection();
  }

  /** The reply code and text with which the broker refuses a step, on a channel of its own. */
  private static String refusal(Connection connection, Step step) throws IOException {
    try {
      step.on(connection.createChannel());
      return null;
    } catch (IOException | AlreadyClosedException e) {
      ShutdownSignalException signal = (ShutdownSignalException) (e instanceof IOException ? e.getCause() : e);
      com.rabbitmq.client.AMQP.Channel.Close close = (com.rabbitmq.client.AMQP.Channel.Close) signal.getReason();
      return close.getReplyCode() + " " + close.getReplyText();
    }
  }

  private String privateQueue(Map<String, Object> arguments) throws IOException {
    return channel.queueDeclare("", false, true, false, arguments).getQueue();
  }

  private void publish(String exchange, String key, BasicProperties properties, String body) throws Exception {
    channel.basicPublish(exchange, key, properties, body.getBytes(StandardCharsets.UTF_8));
    channel.waitForConfirmsOrDie(10_000);
  }

  private String get(String queue) throws IOException {
    GetResponse message = channel.basicGet(queue, true);
    return message == null ? null : text(message.getBody());
  }

  private static String text(byte[] body) {
    return new String(body, StandardCharsets.UTF_8);
  }

  private static BlockingQueue<Delivery> consume(Channel channel, String queue, boolean autoAck) throws IOException {
    BlockingQueue<Delivery> deliveries = new LinkedBlockingQueue<>();
    channel.basicConsume(queue, autoAck, new DefaultConsumer(channel) {
      @Override
      public void handleDelivery(
          String tag, com.rabbitmq.client.Envelope envelope, BasicProperties properties, byte[] body) {
        deliveries.add(new Delivery(envelope, properties, body));
      }
    });
    return deliveries;
  }

  private static Delivery next(BlockingQueue<Delivery> deliveries) throws InterruptedException {
    Delivery delivery = deliveries.poll(10, TimeUnit.SECONDS);
    if (delivery == null) throw new IllegalStateException("no delivery within 10 s");
    return delivery;
  }

  private void workQueue() throws Exception {
    String work = prefix + "-work";
    channel.queueDeclare(work, true, false, false, null);
    for (int task = 0; task < 5; task++) {
      channel.basicPublish("", work, MessageProperties.PERSISTENT_BASIC, String.valueOf(task).getBytes());
    }
    report.put("confirmed", channel.waitForConfirms(10_000));
    Channel worker = connection.createChannel();
    worker.basicQos(2);
    BlockingQueue<Delivery> deliveries = consume(worker, work, false);
    Thread.sleep(300);
    report.put("prefetch", deliveries.size());
    List<String> done = new ArrayList<>();
    while (done.size() < 5) {
      Delivery delivery = next(deliveries);
      worker.basicAck(delivery.getEnvelope().getDeliveryTag(), false);
      done.add(text(delivery.getBody()));
    }
    report.put("work", done);
    worker.close();
  }

  private void redelivery() throws Exception {
    String work = prefix + "-work";
    publish("", work, null, "again");
    Channel quitter = connection.createChannel();
    quitter.basicGet(work, false);
    quitter.close();
    GetResponse message = channel.basicGet(work, true);
    report.put("redelivered", Arrays.asList(text(message.getBody()), message.getEnvelope().isRedeliver()));
  }

  private void routing() throws Exception {
    String topic = prefix + "-topic";
    channel.exchangeDeclare(topic, "topic", false, true, null);
    String queue = privateQueue(null);
    for (String pattern : List.of("kern.*", "*.critical")) channel.queueBind(queue, topic, pattern);
    for (String key : List.of("kern.info", "cron.info", "cron.critical", "a.b.critical")) publish(topic, key, null, key);
    report.put("topic", Arrays.asList(get(queue), get(queue)));

    String headers = prefix + "-headers";
    channel.exchangeDeclare(headers, "headers", false, true, null);
    queue = privateQueue(null);
    channel.queueBind(queue, headers, "", Map.of("x-match", "all", "type", "report", "pages", 3));
    for (String body : List.of("other", "match")) {
      Map<String, Object> table = Map.of("type", "report", "pages", body.equals("match") ? 3 : 4);
      publish(headers, "", new BasicProperties.Builder().headers(table).build(), body);
    }
    report.put("headers", get(queue));
  }

  private void returned() throws Exception {
    BlockingQueue<String> returned = new LinkedBlockingQueue<>();
    channel.addReturnListener(
        (code, reply, exchange, key, properties, body) -> returned.add(code + " " + reply + " " + text(body)));
    channel.basicPublish("", prefix + "-nowhere", true, null, "lost".getBytes());
    report.put("returned", returned.poll(10, TimeUnit.SECONDS));
  }

  private void rpc() throws Exception {
    String queue = channel.queueDeclare(prefix + "-rpc", false, false, true, null).getQueue();
    BlockingQueue<Delivery> requests = consume(channel, queue, true);
    Channel answers = connection.createChannel();
    BlockingQueue<Delivery> replies = consume(answers, DIRECT_REPLY_TO, true);
    BasicProperties call = new BasicProperties.Builder().replyTo(DIRECT_REPLY_TO).correlationId("call").build();
    answers.basicPublish("", queue, call, "7".getBytes());

    Delivery request = next(requests);
    int number = Integer.parseInt(text(request.getBody()));
    String id = request.getProperties().getCorrelationId();
    BasicProperties answer = new BasicProperties.Builder().correlationId(id).build();
    publish("", request.getProperties().getReplyTo(), answer, String.valueOf(number * number));
    Delivery reply = next(replies);
    report.put("rpc", reply.getProperties().getCorrelationId() + ": " + text(reply.getBody()));
  }

  private void properties() throws Exception {
    String queue = privateQueue(null);
    Map<String, Object> headers =
        Map.of("text", "ü", "number", 7, "flag", true, "nested", Map.of("list", List.of(1, "two")));
    BasicProperties sent = new BasicProperties.Builder()
        .contentType("text/plain").type("kind").priority(3).headers(headers).build();
    publish("", queue, sent, "x".repeat(300_000));
    GetResponse message = channel.basicGet(queue, true);
    BasicProperties got = message.getProps();
    report.put("properties", Arrays.asList(
        got.getContentType(), got.getType(), got.getPriority(), got.getHeaders(), message.getBody().length));
  }

  private void deadLetter() throws Exception {
    String graveyard = privateQueue(null);
    String queue = privateQueue(Map.of("x-dead-letter-exchange", "", "x-dead-letter-routing-key", graveyard));
    BlockingQueue<Delivery> dead = consume(channel, graveyard, true);
    publish("", queue, null, "dead");
    channel.basicReject(channel.basicGet(queue, false).getEnvelope().getDeliveryTag(), false);
    Delivery letter = next(dead);
    Map<?, ?> death = (Map<?, ?>) ((List<?>) letter.getProperties().getHeaders().get("x-death")).get(0);
    report.put("deadLetter", Arrays.asList(text(letter.getBody()), death.get("reason"), death.get("count")));
  }

  private void transaction() throws Exception {
    Channel transactional = connection.createChannel();
    transactional.txSelect();
    String queue = privateQueue(null);
    List<String> found = new ArrayList<>();
    transactional.basicPublish("", queue, null, "in doubt".getBytes());
    transactional.txRollback();
    found.add(get(queue));
    transactional.basicPublish("", queue, null, "in doubt".getBytes());
    transactional.txCommit();
    found.add(get(queue));
    report.put("transaction", found);
  }

  private void cancelled() throws Exception {
    String queue = prefix + "-cancelled";
    BlockingQueue<String> cancels = new LinkedBlockingQueue<>();
    channel.queueDeclare(queue, false, false, false, null);
    String consumer = channel.basicConsume(queue, new DefaultConsumer(channel) {
      @Override
      public void handleCancel(String tag) {
        cancels.add(tag);
      }
    });
    connection.createChannel().queueDelete(queue);
    report.put("cancelled", consumer.equals(cancels.poll(10, TimeUnit.SECONDS)));
  }

  private void refusals() throws Exception {
    String auto = prefix + "-auto";
    channel.queueDeclare(auto, false, false, true, null);
    channel.basicCancel(channel.basicConsume(auto, new DefaultConsumer(channel)));
    report.put("autoDeleted", refusal(connection, ch -> ch.queueDeclarePassive(auto)));
    report.put("inequivalent",
        refusal(connection, ch -> ch.queueDeclare(prefix + "-work", false, false, false, null)));
    report.put("missing", refusal(connection, ch -> ch.queueDeclarePassive(prefix + "-nope")));
    channel.queueDeclare(prefix + "-mine", false, true, false, null);
    Connection other = connect(0);
    report.put("locked", refusal(other, ch -> ch.queueDeclarePassive(prefix + "-mine")));
    other.close();
  }

  private void idle() throws Exception {
    Thread.sleep(2_500);
    report.put("deleted", channel.queueDelete(prefix + "-work").getMessageCount());
    connection.close();
  }

  private static String json(Object value) {
    if (value instanceof Map) {
      return ((Map<?, ?>) value).entrySet().stream()
          .map(entry -> json(entry.getKey().toString()) + ":" + json(entry.getValue()))
          .collect(Collectors.joining(",", "{", "}"));
    }
    if (value instanceof List) {
      return ((List<?>) value).stream().map(Errands::json).collect(Collectors.joining(",", "[", "]"));
    }
    if (value == null || value instanceof Number || value instanceof Boolean) return String.valueOf(value);
    // Strings, and the client's LongString.
    return '"' + value.toString().replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }
}
