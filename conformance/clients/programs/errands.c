/* The errands of errands.ts with librabbitmq: errands URL PREFIX; prints the report as one line of JSON. */

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define TEXT(literal) amqp_cstring_bytes(literal)
#define LARGE 300000

enum { MAIN = 1, WORKER, QUITTER, ANSWERS, TRANSACTIONAL, CANCELLER, FIRST_REFUSAL };

static amqp_connection_state_t connection;
static const char *url;
static const char *prefix;
static const amqp_basic_properties_t plain;

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void check(amqp_connection_state_t on, const char *what) {
  if (amqp_get_rpc_reply(on).reply_type != AMQP_RESPONSE_NORMAL) fail(what);
}

static amqp_connection_state_t connect_to_broker(int heartbeat) {
  char *copy = strdup(url);
  struct amqp_connection_info at;
  if (amqp_parse_url(copy, &at) != AMQP_STATUS_OK) fail("bad URL");
  amqp_connection_state_t opened = amqp_new_connection();
  if (amqp_socket_open(amqp_tcp_socket_new(opened), at.host, at.port)) fail("cannot connect");
  /* The library does not announce by itself that it understands basic.cancel from the server. */
  amqp_table_entry_t notify = {.key = TEXT("consumer_cancel_notify"),
                               .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = true}};
  amqp_table_entry_t capabilities = {.key = TEXT("capabilities"),
                                     .value = {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {1, &notify}}};
  amqp_table_t client = {1, &capabilities};
  amqp_rpc_reply_t reply = amqp_login_with_properties(opened, "/", 0, 131072, heartbeat, &client,
                                                      AMQP_SASL_METHOD_PLAIN, at.user, at.password);
  if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail("cannot log in");
  free(copy);
  return opened;
}

static void open_channel(amqp_channel_t channel) {
  amqp_channel_open(connection, channel);
  check(connection, "channel.open");
}

/* The prefix and a suffix, in one of a few buffers used in turn. */
static amqp_bytes_t name(const char *suffix) {
  static char names[8][256];
  static int next;
  char *buffer = names[next++ % 8];
  snprintf(buffer, sizeof names[0], "%s-%s", prefix, suffix);
  return amqp_cstring_bytes(buffer);
}

static amqp_bytes_t private_queue(amqp_table_t arguments) {
  amqp_queue_declare_ok_t *ok =
      amqp_queue_declare(connection, MAIN, amqp_empty_bytes, false, false, true, false, arguments);
  check(connection, "queue.declare");
  return amqp_bytes_malloc_dup(ok->queue);
}

static amqp_frame_t next_frame(void) {
  amqp_frame_t frame;
  struct timeval patience = {10, 0};
  if (amqp_simple_wait_frame_noblock(connection, &frame, &patience) != AMQP_STATUS_OK) fail("no frame within 10 s");
  return frame;
}

static bool confirmed(void) { return next_frame().payload.method.id == AMQP_BASIC_ACK_METHOD; }

/* Publishes without waiting. */
static void send_message(amqp_channel_t channel, amqp_bytes_t exchange, amqp_bytes_t key,
                         const amqp_basic_properties_t *properties, amqp_bytes_t body) {
  if (amqp_basic_publish(connection, channel, exchange, key, false, false, properties, body)) fail("basic.publish");
}

/* Publishes on the channel in confirm mode and waits for the confirm. */
static bool publish(amqp_bytes_t exchange, amqp_bytes_t key, const amqp_basic_properties_t *properties,
                    amqp_bytes_t body) {
  send_message(MAIN, exchange, key, properties, body);
  return confirmed();
}

/* basic.get without acknowledgement; false when the queue is empty. */
static bool get(amqp_bytes_t queue, amqp_message_t *message, amqp_basic_get_ok_t *ok) {
  amqp_rpc_reply_t reply = amqp_basic_get(connection, MAIN, queue, true);
  if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail("basic.get");
  if (reply.reply.id == AMQP_BASIC_GET_EMPTY_METHOD) return false;
  if (ok) *ok = *(amqp_basic_get_ok_t *)reply.reply.decoded;
  if (amqp_read_message(connection, MAIN, message, 0).reply_type != AMQP_RESPONSE_NORMAL) fail("message");
  return true;
}

static void print_text(amqp_bytes_t text) { printf("\"%.*s\"", (int)text.len, (char *)text.bytes); }

static void print_body(amqp_bytes_t queue) {
  amqp_message_t message;
  if (get(queue, &message, NULL)) print_text(message.body);
  else printf("null");
}

static void start_consumer(amqp_channel_t channel, amqp_bytes_t queue, bool no_ack) {
  amqp_basic_consume(connection, channel, queue, amqp_empty_bytes, false, no_ack, false, amqp_empty_table);
  check(connection, "basic.consume");
}

static bool next_delivery(amqp_envelope_t *envelope, int seconds, int microseconds) {
  struct timeval patience = {seconds, microseconds};
  return amqp_consume_message(connection, envelope, &patience, 0).reply_type == AMQP_RESPONSE_NORMAL;
}

static void work_queue(void) {
  amqp_bytes_t work = name("work");
  amqp_queue_declare(connection, MAIN, work, false, true, false, false, amqp_empty_table);
  check(connection, "queue.declare");
  amqp_basic_properties_t persistent = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2};
  bool all = true;
  for (int task = 0; task < 5; task++) {
    char body[2] = {(char)('0' + task), 0};
    all = publish(amqp_empty_bytes, work, &persistent, TEXT(body)) && all;
  }
  printf("{\"confirmed\":%s", all ? "true" : "false");

  open_channel(WORKER);
  amqp_basic_qos(connection, WORKER, 0, 2, false);
  start_consumer(WORKER, work, false);
  amqp_envelope_t arrived[5];
  int prefetched = 0;
  while (prefetched < 5 && next_delivery(&arrived[prefetched], 0, 300000)) prefetched++;
  printf(",\"prefetch\":%d,\"work\":[", prefetched);
  for (int done = 0; done < 5; done++) {
    if (done >= prefetched && !next_delivery(&arrived[done], 10, 0)) fail("no delivery within 10 s");
    amqp_basic_ack(connection, WORKER, arrived[done].delivery_tag, false);
    printf(done ? "," : "");
    print_text(arrived[done].message.body);
  }
  amqp_channel_close(connection, WORKER, AMQP_REPLY_SUCCESS);

  publish(amqp_empty_bytes, work, &persistent, TEXT("again"));
  open_channel(QUITTER);
  amqp_message_t message;
  amqp_basic_get(connection, QUITTER, work, false);
  amqp_read_message(connection, QUITTER, &message, 0);
  amqp_channel_close(connection, QUITTER, AMQP_REPLY_SUCCESS);
  amqp_basic_get_ok_t ok;
  if (!get(work, &message, &ok)) fail("the message is not back in its queue");
  printf("],\"redelivered\":[");
  print_text(message.body);
  printf(",%s]", ok.redelivered ? "true" : "false");
}

static amqp_table_entry_t text_entry(const char *key, const char *value) {
  amqp_table_entry_t entry = {.key = TEXT(key), .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = TEXT(value)}};
  return entry;
}

static amqp_table_entry_t number_entry(const char *key, int value) {
  amqp_table_entry_t entry = {.key = TEXT(key), .value = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = value}};
  return entry;
}

static void routing(void) {
  amqp_bytes_t topic = name("topic");
  amqp_exchange_declare(connection, MAIN, topic, TEXT("topic"), false, false, true, false, amqp_empty_table);
  amqp_bytes_t queue = private_queue(amqp_empty_table);
  amqp_queue_bind(connection, MAIN, queue, topic, TEXT("kern.*"), amqp_empty_table);
  amqp_queue_bind(connection, MAIN, queue, topic, TEXT("*.critical"), amqp_empty_table);
  const char *keys[] = {"kern.info", "cron.info", "cron.critical", "a.b.critical"};
  for (int i = 0; i < 4; i++) publish(topic, TEXT(keys[i]), &plain, TEXT(keys[i]));
  printf(",\"topic\":[");
  print_body(queue);
  printf(",");
  print_body(queue);

  amqp_bytes_t exchange = name("headers");
  amqp_exchange_declare(connection, MAIN, exchange, TEXT("headers"), false, false, true, false, amqp_empty_table);
  queue = private_queue(amqp_empty_table);
  amqp_table_entry_t match[] = {text_entry("x-match", "all"), text_entry("type", "report"), number_entry("pages", 3)};
  amqp_table_t arguments = {3, match};
  amqp_queue_bind(connection, MAIN, queue, exchange, amqp_empty_bytes, arguments);
  for (int pages = 4; pages >= 3; pages--) {
    amqp_table_entry_t entries[] = {text_entry("type", "report"), number_entry("pages", pages)};
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_HEADERS_FLAG, .headers = {2, entries}};
    publish(exchange, amqp_empty_bytes, &properties, TEXT(pages == 3 ? "match" : "other"));
  }
  printf("],\"headers\":");
  print_body(queue);
}

static void returned(void) {
  amqp_basic_publish(connection, MAIN, amqp_empty_bytes, name("nowhere"), true, false, &plain, TEXT("lost"));
  amqp_basic_return_t back = *(amqp_basic_return_t *)next_frame().payload.method.decoded;
  amqp_message_t message;
  amqp_read_message(connection, MAIN, &message, 0);
  printf(",\"returned\":\"%d %.*s %.*s\"", back.reply_code, (int)back.reply_text.len, (char *)back.reply_text.bytes,
         (int)message.body.len, (char *)message.body.bytes);
  if (!confirmed()) fail("a returned message is confirmed too");
}

static void rpc(void) {
  amqp_bytes_t queue = name("rpc");
  amqp_bytes_t direct = TEXT("amq.rabbitmq.reply-to");
  amqp_queue_declare(connection, MAIN, queue, false, false, false, true, amqp_empty_table);
  start_consumer(MAIN, queue, true);
  open_channel(ANSWERS);
  start_consumer(ANSWERS, direct, true);
  amqp_basic_properties_t call = {._flags = AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG,
                                  .reply_to = direct,
                                  .correlation_id = TEXT("call")};
  send_message(ANSWERS, amqp_empty_bytes, queue, &call, TEXT("7"));
  amqp_envelope_t request, reply;
  if (!next_delivery(&request, 10, 0)) fail("no request");
  char square[16];
  int number = *(char *)request.message.body.bytes - '0';
  snprintf(square, sizeof square, "%d", number * number);
  amqp_basic_properties_t answer = {._flags = AMQP_BASIC_CORRELATION_ID_FLAG,
                                    .correlation_id = request.message.properties.correlation_id};
  open_channel(CANCELLER);
  send_message(CANCELLER, amqp_empty_bytes, request.message.properties.reply_to, &answer, TEXT(square));
  if (!next_delivery(&reply, 10, 0)) fail("no reply");
  amqp_bytes_t id = reply.message.properties.correlation_id;
  printf(",\"rpc\":\"%.*s: %.*s\"", (int)id.len, (char *)id.bytes, (int)reply.message.body.len,
         (char *)reply.message.body.bytes);
}

static void print_value(amqp_field_value_t value);

static void print_table(amqp_table_t table) {
  printf("{");
  for (int i = 0; i < table.num_entries; i++) {
    printf(i ? "," : "");
    print_text(table.entries[i].key);
    printf(":");
    print_value(table.entries[i].value);
  }
  printf("}");
}

static void print_value(amqp_field_value_t value) {
  switch (value.kind) {
    case AMQP_FIELD_KIND_UTF8: print_text(value.value.bytes); return;
    case AMQP_FIELD_KIND_I32: printf("%d", value.value.i32); return;
    case AMQP_FIELD_KIND_I64: printf("%lld", (long long)value.value.i64); return;
    case AMQP_FIELD_KIND_BOOLEAN: printf(value.value.boolean ? "true" : "false"); return;
    case AMQP_FIELD_KIND_TABLE: print_table(value.value.table); return;
    case AMQP_FIELD_KIND_ARRAY:
      printf("[");
      for (int i = 0; i < value.value.array.num_entries; i++) {
        printf(i ? "," : "");
        print_value(value.value.array.entries[i]);
      }
      printf("]");
      return;
    default: fail("unexpected type in a field table");
  }
}

static void properties(void) {
  amqp_bytes_t queue = private_queue(amqp_empty_table);
  amqp_field_value_t items[] = {number_entry("", 1).value, text_entry("", "two").value};
  amqp_table_entry_t list = {.key = TEXT("list"), .value = {.kind = AMQP_FIELD_KIND_ARRAY, .value.array = {2, items}}};
  amqp_table_entry_t entries[] = {
      text_entry("text", "\xc3\xbc"),
      number_entry("number", 7),
      {.key = TEXT("flag"), .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = true}},
      {.key = TEXT("nested"), .value = {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {1, &list}}},
  };
  amqp_basic_properties_t sent = {
      ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_PRIORITY_FLAG | AMQP_BASIC_HEADERS_FLAG,
      .content_type = TEXT("text/plain"),
      .type = TEXT("kind"),
      .priority = 3,
      .headers = {4, entries},
  };
  amqp_bytes_t body = amqp_bytes_malloc(LARGE);
  memset(body.bytes, 'x', LARGE);
  publish(amqp_empty_bytes, queue, &sent, body);
  amqp_message_t message;
  if (!get(queue, &message, NULL)) fail("the large message is not there");
  printf(",\"properties\":[");
  print_text(message.properties.content_type);
  printf(",");
  print_text(message.properties.type);
  printf(",%d,", message.properties.priority);
  print_table(message.properties.headers);
  printf(",%d]", (int)message.body.len);
}

static amqp_field_value_t field(amqp_table_t table, const char *key) {
  for (int i = 0; i < table.num_entries; i++) {
    if (table.entries[i].key.len == strlen(key) && !memcmp(table.entries[i].key.bytes, key, strlen(key))) {
      return table.entries[i].value;
    }
  }
  fail(key);
  abort();
}

static void dead_letter(void) {
  amqp_bytes_t graveyard = private_queue(amqp_empty_table);
  amqp_table_entry_t dying[] = {text_entry("x-dead-letter-exchange", ""), text_entry("x-dead-letter-routing-key", "")};
  dying[1].value.value.bytes = graveyard;
  amqp_table_t arguments = {2, dying};
  amqp_bytes_t queue = private_queue(arguments);
  publish(amqp_empty_bytes, queue, &plain, TEXT("dead"));
  start_consumer(MAIN, graveyard, true);
  amqp_rpc_reply_t got = amqp_basic_get(connection, MAIN, queue, false);
  uint64_t tag = ((amqp_basic_get_ok_t *)got.reply.decoded)->delivery_tag;
  amqp_message_t message;
  amqp_read_message(connection, MAIN, &message, 0);
  amqp_basic_reject(connection, MAIN, tag, false);
  amqp_envelope_t letter;
  if (!next_delivery(&letter, 10, 0)) fail("no dead letter");
  amqp_table_t death = field(letter.message.properties.headers, "x-death").value.array.entries[0].value.table;
  printf(",\"deadLetter\":[");
  print_text(letter.message.body);
  printf(",");
  print_value(field(death, "reason"));
  printf(",");
  print_value(field(death, "count"));
  printf("]");
}

static void transaction(void) {
  amqp_bytes_t queue = private_queue(amqp_empty_table);
  open_channel(TRANSACTIONAL);
  amqp_tx_select(connection, TRANSACTIONAL);
  send_message(TRANSACTIONAL, amqp_empty_bytes, queue, &plain, TEXT("in doubt"));
  amqp_tx_rollback(connection, TRANSACTIONAL);
  printf(",\"transaction\":[");
  print_body(queue);
  send_message(TRANSACTIONAL, amqp_empty_bytes, queue, &plain, TEXT("in doubt"));
  amqp_tx_commit(connection, TRANSACTIONAL);
  printf(",");
  print_body(queue);
  printf("]");
}

static void cancelled(void) {
  amqp_bytes_t queue = name("cancelled");
  amqp_queue_declare(connection, MAIN, queue, false, false, false, false, amqp_empty_table);
  amqp_basic_consume(connection, MAIN, queue, TEXT("the-consumer"), false, true, false, amqp_empty_table);
  check(connection, "basic.consume");
  amqp_queue_delete(connection, CANCELLER, queue, false, false);
  amqp_method_t method = next_frame().payload.method;
  amqp_bytes_t tag = ((amqp_basic_cancel_t *)method.decoded)->consumer_tag;
  bool right = method.id == AMQP_BASIC_CANCEL_METHOD && tag.len == strlen("the-consumer");
  printf(",\"cancelled\":%s", right ? "true" : "false");
}

/* A declaration that the broker refuses, on a channel of its own: its reply code and text. */
static void refusal(const char *errand, amqp_connection_state_t on, amqp_bytes_t queue, bool passive) {
  static amqp_channel_t channel = FIRST_REFUSAL;
  amqp_channel_open(on, ++channel);
  amqp_queue_declare(on, channel, queue, passive, false, false, false, amqp_empty_table);
  amqp_rpc_reply_t reply = amqp_get_rpc_reply(on);
  if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION) fail("the server did not object");
  amqp_channel_close_t *close = reply.reply.decoded;
  printf(",\"%s\":\"%d %.*s\"", errand, close->reply_code, (int)close->reply_text.len, (char *)close->reply_text.bytes);
  amqp_channel_close_ok_t close_ok;
  amqp_send_method(on, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &close_ok);
}

static void refusals(void) {
  amqp_bytes_t automatic = name("auto");
  amqp_queue_declare(connection, MAIN, automatic, false, false, false, true, amqp_empty_table);
  amqp_basic_consume(connection, MAIN, automatic, TEXT("c"), false, true, false, amqp_empty_table);
  amqp_basic_cancel(connection, MAIN, TEXT("c"));
  refusal("autoDeleted", connection, automatic, true);
  refusal("inequivalent", connection, name("work"), false);
  refusal("missing", connection, name("nope"), true);
  amqp_queue_declare(connection, MAIN, name("mine"), false, false, true, false, amqp_empty_table);
  amqp_connection_state_t other = connect_to_broker(0);
  refusal("locked", other, name("mine"), true);
  amqp_connection_close(other, AMQP_REPLY_SUCCESS);
  amqp_destroy_connection(other);
}

int main(int argc, char **argv) {
  if (argc != 3) fail("usage: errands URL PREFIX");
  url = argv[1];
  prefix = argv[2];
  connection = connect_to_broker(1);
  open_channel(MAIN);
  amqp_confirm_select(connection, MAIN);
  work_queue();
  routing();
  returned();
  rpc();
  properties();
  dead_letter();
  transaction();
  cancelled();
  refusals();
  /* The library beats while it waits for frames. */
  amqp_frame_t frame;
  struct timeval idle = {2, 500000};
  if (amqp_simple_wait_frame_noblock(connection, &frame, &idle) != AMQP_STATUS_TIMEOUT) fail("not idle");
  amqp_queue_delete_ok_t *deleted = amqp_queue_delete(connection, MAIN, name("work"), false, false);
  check(connection, "queue.delete");
  printf(",\"deleted\":%u}\n", deleted->message_count);
  amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
  amqp_destroy_connection(connection);
  return 0;
}
