<?php
// The errands of errands.ts with php-amqplib: php errands.php URL PREFIX; prints the report as one line of JSON.

require 'PhpAmqpLib/autoload.php';

use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Exception\AMQPTimeoutException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

[, $url, $prefix] = $argv;
$report = [];

function connect(string $url, int $heartbeat = 0): AMQPStreamConnection
{
    $at = parse_url($url);
    return new AMQPStreamConnection(
        $at['host'], $at['port'], $at['user'], $at['pass'],
        read_write_timeout: 10, heartbeat: $heartbeat
    );
}

/** The reply code and text with which the broker refuses a step, on a channel of its own. */
function refusal(AMQPStreamConnection $connection, callable $step): ?string
{
    try {
        $step($connection->channel());
        return null;
    } catch (AMQPProtocolChannelException $e) {
        return $e->amqp_reply_code . ' ' . $e->amqp_reply_text;
    }
}

function declareQueue($channel, array $arguments = []): string
{
    return $channel->queue_declare('', exclusive: true, arguments: new AMQPTable($arguments))[0];
}

function publish($channel, string $body, string $key, string $exchange = '', array $properties = []): void
{
    $channel->basic_publish(new AMQPMessage($body, $properties), $exchange, $key);
}

$connection = connect($url, heartbeat: 1);
$channel = $connection->channel();
$channel->confirm_select();
$confirmed = 0;
$channel->set_ack_handler(function () use (&$confirmed) { $confirmed++; });
$work = "$prefix-work";
$channel->queue_declare($work, durable: true, auto_delete: false);
for ($task = 0; $task < 5; $task++) {
    publish($channel, "$task", $work, properties: ['delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT]);
}
$channel->wait_for_pending_acks(10);
$report['confirmed'] = $confirmed === 5;

$worker = $connection->channel();
$worker->basic_qos(0, 2, false);
$arrived = [];
$worker->basic_consume($work, callback: function (AMQPMessage $message) use (&$arrived) { $arrived[] = $message; });
try {
    while (true) {
        $worker->wait(timeout: 0.3);
    }
} catch (AMQPTimeoutException) {
    $report['prefetch'] = count($arrived);
}
$report['work'] = [];
while (count($report['work']) < 5) {
    while ($arrived === []) {
        $worker->wait(timeout: 10);
    }
    $message = array_shift($arrived);
    $message->ack();
    $report['work'][] = $message->getBody();
}
$worker->close();

publish($channel, 'again', $work);
$channel->wait_for_pending_acks(10);
$quitter = $connection->channel();
$quitter->basic_get($work);
$quitter->close();
$message = $channel->basic_get($work, no_ack: true);
$report['redelivered'] = [$message->getBody(), (bool) $message->isRedelivered()];

$channel->exchange_declare("$prefix-topic", 'topic', auto_delete: true);
$queue = declareQueue($channel);
foreach (['kern.*', '*.critical'] as $pattern) {
    $channel->queue_bind($queue, "$prefix-topic", $pattern);
}
foreach (['kern.info', 'cron.info', 'cron.critical', 'a.b.critical'] as $key) {
    publish($channel, $key, $key, "$prefix-topic");
}
$channel->wait_for_pending_acks(10);
$report['topic'] = [
    $channel->basic_get($queue, no_ack: true)->getBody(),
    $channel->basic_get($queue, no_ack: true)->getBody(),
];

$channel->exchange_declare("$prefix-headers", 'headers', auto_delete: true);
$queue = declareQueue($channel);
$match = new AMQPTable(['x-match' => 'all', 'type' => 'report', 'pages' => 3]);
$channel->queue_bind($queue, "$prefix-headers", arguments: $match);
foreach (['other' => 4, 'match' => 3] as $body => $pages) {
    $headers = new AMQPTable(['type' => 'report', 'pages' => $pages]);
    publish($channel, $body, '', "$prefix-headers", ['application_headers' => $headers]);
}
$channel->wait_for_pending_acks(10);
$report['headers'] = $channel->basic_get($queue, no_ack: true)->getBody();

$channel->set_return_listener(function ($code, $text, $exchange, $key, AMQPMessage $back) use (&$report) {
    $report['returned'] = "$code $text {$back->getBody()}";
});
$channel->basic_publish(new AMQPMessage('lost'), '', "$prefix-nowhere", mandatory: true);
$channel->wait_for_pending_acks_returns(10);

$channel->queue_declare("$prefix-rpc");
$channel->basic_consume("$prefix-rpc", no_ack: true, callback: function (AMQPMessage $request) use ($channel) {
    $reply = ['correlation_id' => $request->get('correlation_id')];
    publish($channel, (string) ($request->getBody() ** 2), $request->get('reply_to'), properties: $reply);
});
$answers = $connection->channel();
$answers->basic_consume('amq.rabbitmq.reply-to', no_ack: true, callback: function (AMQPMessage $reply) use (&$report) {
    $report['rpc'] = $reply->get('correlation_id') . ': ' . $reply->getBody();
});
$request = ['reply_to' => 'amq.rabbitmq.reply-to', 'correlation_id' => 'call'];
publish($answers, '7', "$prefix-rpc", properties: $request);
$channel->wait(timeout: 10);
while (!isset($report['rpc'])) {
    $answers->wait(timeout: 10);
}

$queue = declareQueue($channel);
$sent = new AMQPTable(['text' => 'ü', 'number' => 7, 'flag' => true, 'nested' => ['list' => [1, 'two']]]);
$properties = ['content_type' => 'text/plain', 'type' => 'kind', 'priority' => 3, 'application_headers' => $sent];
publish($channel, str_repeat('x', 300000), $queue, properties: $properties);
$channel->wait_for_pending_acks(10);
$message = $channel->basic_get($queue, no_ack: true);
$report['properties'] = [
    $message->get('content_type'), $message->get('type'), $message->get('priority'),
    $message->get('application_headers')->getNativeData(), strlen($message->getBody()),
];

$graveyard = declareQueue($channel);
$queue = declareQueue($channel, ['x-dead-letter-exchange' => '', 'x-dead-letter-routing-key' => $graveyard]);
publish($channel, 'dead', $queue);
$channel->wait_for_pending_acks(10);
$channel->basic_get($queue)->reject(false);
while (($dead = $channel->basic_get($graveyard, no_ack: true)) === null) {
    usleep(10_000);
}
$death = $dead->get('application_headers')->getNativeData()['x-death'][0];
$report['deadLetter'] = [$dead->getBody(), $death['reason'], $death['count']];

$transactional = $connection->channel();
$transactional->tx_select();
$queue = declareQueue($channel);
foreach (['tx_rollback', 'tx_commit'] as $ending) {
    publish($transactional, 'in doubt', $queue);
    $transactional->$ending();
    $report['transaction'][] = $channel->basic_get($queue, no_ack: true)?->getBody();
}

$channel->queue_declare("$prefix-cancelled");
$tag = $channel->basic_consume("$prefix-cancelled");
$connection->channel()->queue_delete("$prefix-cancelled");
try {
    $channel->wait(timeout: 10);
} catch (PhpAmqpLib\Exception\AMQPBasicCancelException $e) {
    $report['cancelled'] = $e->consumerTag === $tag;
}

$channel->queue_declare("$prefix-auto", auto_delete: true);
$channel->basic_cancel($channel->basic_consume("$prefix-auto"));
$report['autoDeleted'] = refusal($connection, fn ($ch) => $ch->queue_declare("$prefix-auto", passive: true));

$report['inequivalent'] = refusal($connection, fn ($ch) => $ch->queue_declare($work, auto_delete: false));
$report['missing'] = refusal($connection, fn ($ch) => $ch->queue_declare("$prefix-nope", passive: true));
$channel->queue_declare("$prefix-mine", exclusive: true);
$other = connect($url);
$report['locked'] = refusal($other, fn ($ch) => $ch->queue_declare("$prefix-mine", passive: true));
$other->close();

// php-amqplib beats only when it is told to.
for ($beat = 0; $beat < 5; $beat++) {
    usleep(500_000);
    $connection->checkHeartBeat();
}
$report['deleted'] = $channel->queue_delete($work);
$connection->close();
echo json_encode($report, JSON_UNESCAPED_UNICODE), "\n";
