# The errands of errands.ts with AnyEvent::RabbitMQ: perl errands.pl URL PREFIX; prints the report as one line of
# JSON. Headers that look like numbers are sent as strings, and x-death cannot be decoded (Net::AMQP knows no 64-bit
# integers), so there is no errand with a dead letter.

use strict;
use warnings;
use AnyEvent;
use AnyEvent::RabbitMQ;
use JSON::PP;

my ($url, $prefix) = @ARGV;
my ($user, $password, $host, $port) = $url =~ m{^amqp://(.*?):(.*?)@(.*?):(\d+)} or die "no URL: $url";
my %report;

AnyEvent::RabbitMQ->load_xml_spec;

# Calls a method with callbacks and waits for its answer.
sub await {
    my ($object, $method, %args) = @_;
    my $answer = AnyEvent->condvar;
    my $failed = sub { $answer->croak("$method failed: @_") };
    $object->$method(%args, on_success => sub { $answer->send(@_) }, on_failure => $failed);
    return $answer->recv;
}

sub reply {
    my ($frame) = @_;
    return $frame->method_frame->reply_code . ' ' . $frame->method_frame->reply_text;
}

sub connection {
    my (%tune) = @_;
    my $connection = AnyEvent::RabbitMQ->new;
    my %login = (host => $host, port => $port, user => $user, pass => $password, vhost => '/');
    await($connection, 'connect', %login, timeout => 10, tune => \%tune);
    return $connection;
}

# The reply code and text with which the broker refuses a step, on a channel of its own.
sub refusal {
    my ($connection, $method, %args) = @_;
    my $closed = AnyEvent->condvar;
    my $channel = await($connection, 'open_channel', on_close => sub { $closed->send($_[0]) });
    $channel->$method(%args, on_failure => sub { }, on_success => sub { $closed->croak("$method was granted") });
    return reply($closed->recv);
}

sub private_queue {
    my ($channel, %arguments) = @_;
    my %queue = (queue => '', exclusive => 1, arguments => \%arguments);
    return await($channel, 'declare_queue', %queue)->method_frame->queue;
}

# Publishes on a channel in confirm mode and waits for the confirm.
sub publish {
    my ($channel, %message) = @_;
    my $confirm = AnyEvent->condvar;
    $channel->publish(%message, on_ack => sub { $confirm->send(1) }, on_nack => sub { $confirm->send(0) });
    return $confirm->recv;
}

sub body { my ($message) = @_; return $message->{body} ? $message->{body}->payload : undef }

sub seconds { my ($time) = @_; my $timer = AnyEvent->condvar; my $t = AE::timer $time, 0, $timer; $timer->recv }

my $connection = connection(heartbeat => 1);
my $returned = AnyEvent->condvar;
my $channel = await($connection, 'open_channel');
await($channel, 'confirm');
my $work = "$prefix-work";
await($channel, 'declare_queue', queue => $work, durable => 1);
my %persistent = (routing_key => $work, header => { delivery_mode => 2 });
$report{confirmed} = (grep { publish($channel, %persistent, body => $_) } 0 .. 4) == 5 ? JSON::PP::true : JSON::PP::false;

my $worker = await($connection, 'open_channel');
await($worker, 'qos', prefetch_count => 2);
my (@arrived, @done);
my $all_done = AnyEvent->condvar;
my $lazy = 1;
my $serve = sub {
    return if $lazy;
    while (my $message = shift @arrived) {
        $worker->ack(delivery_tag => $message->{deliver}->method_frame->delivery_tag);
        push @done, body($message);
    }
    $all_done->send if @done == 5;
};
await($worker, 'consume', queue => $work, no_ack => 0, on_consume => sub { push @arrived, @_; $serve->() });
seconds(0.3);
$report{prefetch} = @arrived;
$lazy = 0;
$serve->();
$all_done->recv;
$report{work} = \@done;
await($worker, 'close');

publish($channel, %persistent, body => 'again');
my $quitter = await($connection, 'open_channel');
await($quitter, 'get', queue => $work, no_ack => 0);
await($quitter, 'close');
my $message = await($channel, 'get', queue => $work);
$report{redelivered} = [body($message), $message->{ok}->method_frame->redelivered ? JSON::PP::true : JSON::PP::false];

await($channel, 'declare_exchange', exchange => "$prefix-topic", type => 'topic', auto_delete => 1);
my $queue = private_queue($channel);
for my $pattern ('kern.*', '*.critical') {
    await($channel, 'bind_queue', queue => $queue, exchange => "$prefix-topic", routing_key => $pattern);
}
for my $key (qw(kern.info cron.info cron.critical a.b.critical)) {
    publish($channel, exchange => "$prefix-topic", routing_key => $key, body => $key);
}
$report{topic} = [map { body(await($channel, 'get', queue => $queue)) } 1 .. 2];

await($channel, 'declare_exchange', exchange => "$prefix-headers", type => 'headers', auto_delete => 1);
$queue = private_queue($channel);
my %match = ('x-match' => 'all', type => 'report', pages => 'three');
await($channel, 'bind_queue', queue => $queue, exchange => "$prefix-headers", routing_key => '', arguments => \%match);
for ([other => 'four'], [match => 'three']) {
    my ($body, $pages) = @$_;
    my %headers = (type => 'report', pages => $pages);
    publish($channel, exchange => "$prefix-headers", routing_key => '', body => $body, header => { headers => \%headers });
}
$report{headers} = body(await($channel, 'get', queue => $queue));

my %lost = (routing_key => "$prefix-nowhere", body => 'lost', mandatory => 1);
$channel->publish(%lost, on_return => sub { $returned->send($_[0]) });
$report{returned} = reply($returned->recv) . ' lost';

await($channel, 'declare_queue', queue => "$prefix-rpc", auto_delete => 1);
await($channel, 'consume', queue => "$prefix-rpc", on_consume => sub {
    my ($request) = @_;
    my %header = (correlation_id => $request->{header}->correlation_id);
    $channel->publish(routing_key => $request->{header}->reply_to, body => body($request)**2, header => \%header);
});
my $answers = await($connection, 'open_channel');
my $reply = AnyEvent->condvar;
my $reply_to = 'amq.rabbitmq.reply-to';
await($answers, 'consume', queue => $reply_to, on_consume => sub {
    $reply->send($_[0]->{header}->correlation_id . ': ' . body($_[0]));
});
my %request = (reply_to => $reply_to, correlation_id => 'call');
$answers->publish(routing_key => "$prefix-rpc", body => '7', header => \%request);
$report{rpc} = $reply->recv;

$queue = private_queue($channel);
my %sent = (text => "\xc3\xbc", number => 7, nested => { list => [1, 'two'] });
my %properties = (content_type => 'text/plain', type => 'kind', priority => 3, headers => \%sent);
publish($channel, routing_key => $queue, body => 'x' x 300_000, header => \%properties);
$message = await($channel, 'get', queue => $queue);
my $header = $message->{header};
$report{properties} = [$header->content_type, $header->type, $header->priority, $header->headers, length body($message)];

my $transactional = await($connection, 'open_channel');
await($transactional, 'select_tx');
$queue = private_queue($channel);
for my $ending (qw(rollback_tx commit_tx)) {
    $transactional->publish(routing_key => $queue, body => 'in doubt');
    await($transactional, $ending);
    push @{ $report{transaction} }, body(await($channel, 'get', queue => $queue));
}

my $cancelled = AnyEvent->condvar;
await($channel, 'declare_queue', queue => "$prefix-cancelled");
my $tag = await($channel, 'consume', queue => "$prefix-cancelled", on_cancel => sub { $cancelled->send($_[0]) })
    ->method_frame->consumer_tag;
await($channel, 'delete_queue', queue => "$prefix-cancelled");
$report{cancelled} = $cancelled->recv->method_frame->consumer_tag eq $tag ? JSON::PP::true : JSON::PP::false;

my %auto = (queue => "$prefix-auto", auto_delete => 1);
await($channel, 'declare_queue', %auto);
$tag = await($channel, 'consume', queue => "$prefix-auto")->method_frame->consumer_tag;
await($channel, 'cancel', consumer_tag => $tag);
$report{autoDeleted} = refusal($connection, 'declare_queue', %auto, passive => 1);

$report{inequivalent} = refusal($connection, 'declare_queue', queue => $work, durable => 0);
$report{missing} = refusal($connection, 'declare_queue', queue => "$prefix-nope", passive => 1);
await($channel, 'declare_queue', queue => "$prefix-mine", exclusive => 1);
my $other = connection();
$report{locked} = refusal($other, 'declare_queue', queue => "$prefix-mine", passive => 1);
await($other, 'close');

seconds(2.5);
$report{deleted} = await($channel, 'delete_queue', queue => $work)->method_frame->message_count;
await($connection, 'close');
print JSON::PP->new->encode(\%report), "\n";
