/* freeDiameter's codec for `mtc bench codec`: each line of input is answered with microseconds of CPU as JSON.
 *
 *   codec FOLDER ROUND_S        FOLDER: medium.bin and medium.txt
 *
 * decode: parse the octets and find every AVP in the dictionary, which gives every value a place; its check of rules has
 * none here, the dictionary's S6a being ours.  build: a message from values, and its octets. */
#include "load.h"
#include <time.h>

static struct dictionary *dictionary;
static struct template medium;
static unsigned char octets[4096];
static size_t size;

static double cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void decode(void) {
    unsigned char *copy = malloc(size); /* the message takes it over */
    struct msg *message;
    memcpy(copy, octets, size);
    must(fd_msg_parse_buffer(&copy, size, &message), "decode");
    must(fd_msg_parse_dict(message, dictionary, NULL), "dictionary");
    fd_msg_free(message);
}

static void build(void) {
    struct msg *message;
    struct msg_hdr *head;
    unsigned char *made;
    size_t length;
    must(fd_msg_new(medium.model, 0, &message), "message");
    fd_msg_hdr(message, &head);
    head->msg_flags = medium.flags;
    head->msg_appl = medium.application;
    add(&medium, message, NULL, 0);
    must(fd_msg_bufferize(message, &made, &length), "build");
    must(length != size, "a length that is not the message's");
    free(made);
    fd_msg_free(message);
}

static double timed(void (*run)(void), double round_s) {
    for (long count = 64;; count *= 2) {
        double begin = cpu();
        for (long i = 0; i < count; i++) run();
        double spent = cpu() - begin;
        if (spent > round_s / 2) return spent / count * 1e6;
    }
}

int main(int count, char **words) {
    char path[1024], line[64];
    if (count < 3) return 2;
    must(fd_core_initialize(), "core");
    dictionary = fd_g_config->cnf_dict;
    snprintf(path, sizeof path, "%s/medium.bin", words[1]);
    FILE *file = fopen(path, "rb");
    must(!file, path);
    size = fread(octets, 1, sizeof octets, file);
    fclose(file);
    read_template(&medium, words[1], "medium");
    define(&medium, dictionary);
    while (fgets(line, sizeof line, stdin)) {
        printf("{\"decode\": %.4f, \"build\": %.4f}\n", timed(decode, atof(words[2])), timed(build, atof(words[2])));
        fflush(stdout);
    }
    exit(0); /* its threads end with it */
}
