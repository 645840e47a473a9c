/*
 * relay - what a broker that did nothing but read and write could deliver.
 *
 *     cc -O2 -o relay relay.c && ./relay MESSAGE_BYTES SECONDS BUFFER_BYTES
 *
 * Three processes, as with a broker under amqpload: a sender writes for so many seconds, a relay reads and writes
 * what it has read, a receiver reads. All copy through buffers of the same size and look at nothing, so what takes
 * the time is the kernel moving bytes over the loopback. Prints one line of JSON: deliver_rate, the messages of
 * MESSAGE_BYTES a second that have arrived.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in address = { .sin_family = AF_INET };
static size_t buffer_bytes;

static void check(int ok, const char *what)
{
    if (ok) return;
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int connected(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    check(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    return fd;
}

static void write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = write(fd, bytes, count);
        check(written > 0, "write");
        bytes += written;
        count -= written;
    }
}

static void send_for(double seconds, char *buffer)
{
    int fd = connected();
    for (double end = now() + seconds; now() < end;) write_all(fd, buffer, buffer_bytes);
}

static void receive(double message_bytes, char *buffer)
{
    int fd = connected();
    double start = now(), bytes = 0;
    for (ssize_t n; (n = read(fd, buffer, buffer_bytes)) > 0;) bytes += n;
    printf("{\"deliver_rate\":%.1f}\n", bytes / message_bytes / (now() - start));
}

int main(int argc, char **argv)
{
    double message_bytes = argc == 4 ? atof(argv[1]) : 0, seconds = argc == 4 ? atof(argv[2]) : 0;
    buffer_bytes = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    if (message_bytes <= 0 || seconds <= 0 || buffer_bytes == 0) {
        fputs("usage: relay MESSAGE_BYTES SECONDS BUFFER_BYTES\n", stderr);
        return 1;
    }
    char *buffer = calloc(1, buffer_bytes);
    check(buffer != NULL, "calloc");
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    check(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 1) == 0, "listen");
    getsockname(listener, (struct sockaddr *)&address, &length);

    if (fork() == 0) return receive(message_bytes, buffer), 0;
    int to_receiver = accept(listener, NULL, NULL);
    if (fork() == 0) return close(to_receiver), send_for(seconds, buffer), 0;
    int from_sender = accept(listener, NULL, NULL);
    check(to_receiver >= 0 && from_sender >= 0, "accept");

    for (ssize_t n; (n = read(from_sender, buffer, buffer_bytes)) > 0;) write_all(to_receiver, buffer, n);
    close(to_receiver);
    while (wait(NULL) > 0) {}
    return 0;
}
