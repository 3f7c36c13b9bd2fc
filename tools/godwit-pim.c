/* SPDX-License-Identifier: ISC
 *
 * godwit-pim.c - what the server makes of cards and calendars, as JSON, a line an item.
 *
 * usage: godwit-pim vcard|ical [-w FROM TO ZONE] FILE
 *
 * Each item is read, laid out as the store keeps it ("text"), read and written once more
 * ("again"; the same if all is well), and written in the older version ("old"). -w also
 * lists the starts of the instances that overlap FROM..TO (seconds since 1970).
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/ical.h"
#include "format/pim_contact.h"
#include "format/pim_event.h"
#include "format/pim_note.h"
#include "format/pim_task.h"

#define INSTANCES_MAX 1000

struct window {
	bool is_wanted;
	int64_t from, to;
	const struct tzone *zone;
};

static void
add_text(struct buf *out, const char *key, const struct buf *text)
{
	buf_addf(out, "%s\"%s\":", out->len > 1 ? "," : "", key);
	buf_add_json(out, buf_span(text));
}

static void
print_line(struct buf *line)
{
	buf_add_str(line, "}\n");
	fwrite(line->p, 1, line->len, stdout);
}

static bool
read_file(const char *path, struct buf *out)
{
	char block[65536];
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && (n = read(fd, block, sizeof(block))) > 0)
		buf_add(out, block, (size_t)n);
	if (fd >= 0)
		close(fd);
	return fd >= 0 && n == 0;
}

static enum rc
print_cards(struct span text, struct arena *a)
{
	struct vobj *card, *next;

	enum rc rc = vcard_parse_all(text, a, &card);
	for (; rc == RC_OK && card; card = next) {
		AUTO_DONE(buf) struct buf line = BUF_INIT(0);
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		struct pim_contact *c;

		next = card->next;
		card->next = NULL;
		buf_add_char(&line, '{');
		pim_contact_write(pim_contact_of(card, a), &out);
		add_text(&line, "text", &out);
		rc = pim_contact_parse(arena_span(a, buf_span(&out)), a, &c);
		if (rc != RC_OK)
			return rc;
		buf_clear(&out);
		pim_contact_write(c, &out);
		add_text(&line, "again", &out);
		buf_clear(&out);
		vcard_write(card, VCARD_3_0, NULL, &out);
		add_text(&line, "v30", &out);
		buf_clear(&out);
		vcard_write(card, VCARD_2_1, NULL, &out);
		add_text(&line, "old", &out);
		print_line(&line);
	}
	return rc;
}

/* Through the struct of its kind, as a protocol would write it. */
static struct vobj *
laid_out(struct vobj *item, struct arena *a, struct pim_event **ret_event)
{
	struct pim_task *t;
	struct pim_note *n;

	*ret_event = NULL;
	if (pim_event_of(item, a, ret_event) == RC_OK)
		return pim_event_tree(*ret_event, a);
	if (pim_task_of(item, a, &t) == RC_OK)
		return pim_task_tree(t, a);
	if (pim_note_of(item, a, &n) == RC_OK)
		return pim_note_tree(n, a);
	return item;
}

static void
add_instances(struct buf *line, const struct pim_event *e, const struct window *w,
              struct arena *a)
{
	struct pim_instance *list;
	size_t n;

	if (!e || !w->is_wanted)
		return;
	enum rc rc =
		pim_event_expand(e, w->from, w->to, w->zone, INSTANCES_MAX, a, &list, &n);
	buf_addf(line, ",\"complete\":%s,\"instances\":[",
	         rc == RC_OK ? "true" : "false");
	for (size_t i = 0; i < n; i++)
		buf_addf(line, "%s%" PRId64, i ? "," : "", list[i].start);
	buf_add_char(line, ']');
}

static enum rc
print_items(struct span text, const struct window *w, struct arena *a)
{
	struct vobj *cal, *next;

	enum rc rc = ical_parse(text, a, &cal, NULL);
	for (struct vobj *item = rc == RC_OK ? ical_split(cal, a) : NULL; item;
	     item = next) {
		AUTO_DONE(buf) struct buf line = BUF_INIT(0);
		AUTO_DONE(buf) struct buf out = BUF_INIT(0);
		struct pim_event *e, *same;

		next = item->next;
		item->next = NULL;
		buf_add_char(&line, '{');
		vobj_write(laid_out(item, a, &e), &out);
		add_text(&line, "text", &out);
		rc = ical_parse(arena_span(a, buf_span(&out)), a, &cal, NULL);
		if (rc != RC_OK)
			return rc;
		buf_clear(&out);
		vobj_write(laid_out(cal, a, &same), &out);
		add_text(&line, "again", &out);
		buf_clear(&out);
		ical_write(item, ICAL_1_0, NULL, w->zone, &out);
		add_text(&line, "old", &out);
		add_instances(&line, e, w, a);
		print_line(&line);
	}
	return rc;
}

int
main(int argc, char **argv)
{
	AUTO(arena)
	struct arena *a = arena_new();
	AUTO_DONE(buf) struct buf text = BUF_INIT(0);
	struct window w = { .is_wanted = false };

	if (argc == 7 && strcmp(argv[2], "-w") == 0) {
		w.is_wanted = parse_i64(span_str(argv[3]), &w.from) == RC_OK &&
		              parse_i64(span_str(argv[4]), &w.to) == RC_OK;
		w.zone = tzone_find(argv[5]);
	} else if (argc != 3) {
		fprintf(stderr, "usage: godwit-pim vcard|ical [-w FROM TO ZONE] FILE\n");
		return 64;
	}
	if (!read_file(argv[argc - 1], &text)) {
		fprintf(stderr, "godwit-pim: %s cannot be read\n", argv[argc - 1]);
		return 66;
	}
	enum rc rc = strcmp(argv[1], "vcard") == 0 ? print_cards(buf_span(&text), a)
	                                           : print_items(buf_span(&text), &w, a);
	if (rc != RC_OK)
		fprintf(stderr, "godwit-pim: %s: %s\n", argv[argc - 1], rc_str(rc));
	return rc == RC_OK ? 0 : 65;
}
