/* The load as libfdproto takes it: what `nfs/cli/_bench/messages.py` writes as text, read into dictionary objects. */
#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdproto.h>
#include <freeDiameter/libfdcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { APPLICATION = 16777251, VENDOR = 10415, UPDATE = 316, MOST = 64, SESSION_DIGITS = 10 };

struct row { int depth, group; unsigned code, vendor, flags; char type[24], name[64]; union avp_value value; struct dict_object *model; };
struct template { unsigned flags, command, application; int rows; struct row row[MOST]; struct dict_object *model; };

static void must(int failed, const char *what) {
    if (failed) {
        fprintf(stderr, "bench: %s: %d\n", what, failed);
        exit(1);
    }
}

static int is_number(const struct row *row) { return !strcmp(row->type, "Unsigned32") || !strcmp(row->type, "Enumerated"); }

static void read_template(struct template *into, const char *folder, const char *name) {
    char path[1024], hex[2048];
    snprintf(path, sizeof path, "%s/%s.txt", folder, name);
    FILE *file = fopen(path, "r");
    must(!file, path);
    must(fscanf(file, "%u %u %u", &into->flags, &into->command, &into->application) != 3, path);
    for (into->rows = 0; into->rows < MOST; into->rows++) {
        struct row *row = &into->row[into->rows];
        if (fscanf(file, "%d %u %u %u %23s %2047s %63s", &row->depth, &row->code, &row->vendor, &row->flags, row->type, hex, row->name) != 7) break;
        row->group = !strcmp(row->type, "Grouped");
        size_t size = *hex == '-' ? 0 : strlen(hex) / 2;
        unsigned char *data = malloc(size + 1);
        for (size_t i = 0; i < size; i++) data[i] = strtoul((char[]){hex[2 * i], hex[2 * i + 1], 0}, NULL, 16);
        if (is_number(row)) row->value.u32 = (unsigned)data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3];
        else row->value.os.data = data, row->value.os.len = size;
    }
    fclose(file);
}

static struct dict_object *command(struct dictionary *d, struct dict_object *application, int request) {
    struct dict_object *found = NULL;
    command_code_t code = UPDATE;
    if (!fd_dict_search(d, DICT_COMMAND, request ? CMD_BY_CODE_R : CMD_BY_CODE_A, &code, &found, ENOENT)) return found;
    unsigned char always = request ? CMD_FLAG_REQUEST | CMD_FLAG_PROXIABLE : CMD_FLAG_PROXIABLE;
    unsigned char judged = CMD_FLAG_REQUEST | CMD_FLAG_PROXIABLE | (request ? CMD_FLAG_ERROR : 0);
    struct dict_cmd_data data = {UPDATE, request ? "Update-Location-Request" : "Update-Location-Answer", judged, always};
    must(fd_dict_new(d, DICT_COMMAND, &data, application, &found), data.cmd_name);
    return found;
}

/* Define what the dictionary lacks of this message, and find the object of each of its AVPs. */
static void define(struct template *of, struct dictionary *d) {
    struct dict_vendor_data vendor = {VENDOR, "3GPP"};
    struct dict_application_data app = {APPLICATION, "S6a"};
    struct dict_object *found = NULL, *application = NULL;
    if (fd_dict_search(d, DICT_VENDOR, VENDOR_BY_ID, &vendor.vendor_id, &found, ENOENT)) must(fd_dict_new(d, DICT_VENDOR, &vendor, NULL, NULL), "vendor");
    if (fd_dict_search(d, DICT_APPLICATION, APPLICATION_BY_ID, &app.application_id, &application, ENOENT)) must(fd_dict_new(d, DICT_APPLICATION, &app, NULL, &application), "application");
    for (int i = 0; i < of->rows; i++) {
        struct row *row = &of->row[i];
        struct dict_avp_request wanted = {row->vendor, row->code, NULL};
        if (!fd_dict_search(d, DICT_AVP, AVP_BY_CODE_AND_VENDOR, &wanted, &row->model, ENOENT)) continue;
        enum dict_avp_basetype type = row->group ? AVP_TYPE_GROUPED : !strcmp(row->type, "Enumerated") ? AVP_TYPE_INTEGER32 : is_number(row) ? AVP_TYPE_UNSIGNED32 : AVP_TYPE_OCTETSTRING;
        struct dict_avp_data data = {row->code, row->vendor, row->name, AVP_FLAG_VENDOR, row->vendor ? AVP_FLAG_VENDOR : 0, type};
        must(fd_dict_new(d, DICT_AVP, &data, NULL, &row->model), row->name);
    }
    of->model = command(d, application, of->flags & 0x80);
}

/* Add its AVPs to a message, but for those of the top level that `leave` names; with `number` the Session-Id is that
 * of this request. */
static void add(const struct template *of, msg_or_avp *message, const char *const *leave, unsigned number) {
    msg_or_avp *parent[8] = {message};
    for (int i = 0, left = 0; i < of->rows; i++) {
        const struct row *row = &of->row[i];
        struct avp *avp;
        struct avp_hdr *head;
        if (!row->depth) {
            left = 0;
            for (const char *const *name = leave; name && *name; name++) left |= !strcmp(*name, row->name);
        }
        if (left) continue;
        must(fd_msg_avp_new(row->model, 0, &avp), "AVP");
        must(fd_msg_avp_hdr(avp, &head), "AVP header");
        head->avp_flags = row->flags;
        if (!row->group) {
            union avp_value value = row->value;
            unsigned char session[128];
            if (number && i == 0) { /* Session-Id is the first */
                char digits[16];
                memcpy(session, value.os.data, value.os.len);
                snprintf(digits, sizeof digits, "%010u", number);
                memcpy((char *)memchr(session, ';', value.os.len) + 1, digits, SESSION_DIGITS);
                value.os.data = session;
            }
            must(fd_msg_avp_setvalue(avp, &value), row->name);
        }
        must(fd_msg_avp_add(parent[row->depth], MSG_BRW_LAST_CHILD, avp), row->name);
        parent[row->depth + 1] = avp;
    }
}
