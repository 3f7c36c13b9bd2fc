/* SPDX-License-Identifier: ISC
 *
 * mime.c - the tree of a message's parts with their exact places [RFC 2045, RFC 2046].
 *
 * One pass over the lines, no recursion. Only lines that begin with "--" can be
 * boundaries; their hash is looked for among those of the open multiparts, so that a line
 * costs the same whatever the depth.
 */
#include "format/mime.h"

#include "format/mime_private.h"

/* A multipart whose closing boundary has not come yet. */
struct open_multipart {
	struct mime_part *part;
	struct mime_part *last; /* of its parts so far */
	struct span boundary;
};

struct scanner {
	struct span raw;
	struct arena *a;
	struct mime_limits limits;
	struct open_multipart *open;
	uint32_t *hashes; /* of the boundaries of open, for a quick look */
	size_t n_open;
	uint32_t n_parts;
	size_t depth; /* of cur; the root has 1 */
	struct mime_part *cur;
	bool in_header;
	uint32_t line_no; /* line ends before the current line */
};

static uint32_t
limit(uint32_t asked, uint32_t standard)
{
	return asked ? asked : standard;
}

/* FNV-1a; that somebody can make collisions only costs the comparison. */
static uint32_t
hash_of(struct span s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (uint8_t)s.p[i]) * 16777619u;
	return h;
}

/* RFC 2046 5.1.1: white space behind a boundary is padding from transport. */
static struct span
without_padding(struct span s)
{
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' ||
	                   s.p[s.n - 1] == '\r' || s.p[s.n - 1] == '\n'))
		s.n--;
	return s;
}

static struct mime_part *
part_new(struct scanner *sc, struct mime_part *parent, size_t at)
{
	struct mime_part *p = arena_new_of(sc->a, struct mime_part);

	p->parent = parent;
	p->header_at = at;
	p->type = SPAN("text");
	p->subtype = SPAN("plain");
	/* RFC 2046 5.1.5 */
	if (parent && mime_is(parent, "multipart", "digest")) {
		p->type = SPAN("message");
		p->subtype = SPAN("rfc822");
	}
	p->encoding = SPAN("7bit");
	sc->n_parts++;
	sc->cur = p;
	sc->in_header = true;
	return p;
}

/* The MIME fields of a part; only the first of a name counts. */
static void
take_mime_field(struct scanner *sc, struct mime_part *p, struct span name,
                struct span raw, uint32_t *seen)
{
	static const char *const names[] = { "type",        "transfer-encoding",
		                             "disposition", "id",
		                             "description", "language",
		                             "location",    "md5" };
	uint32_t params_max = limit(sc->limits.params_max, MIME_PARAMS_DEFAULT);
	struct span what = span_sub(name, strlen("content-"), name.n);
	size_t i = 0;

	while (i < ARRAY_LEN(names) && !span_iis(what, names[i]))
		i++;
	if (i == ARRAY_LEN(names) || *seen & 1u << i)
		return;
	*seen |= 1u << i;
	struct span value = mime_unfold(raw, sc->a);
	struct span *const plain[] = {
		[3] = &p->id, &p->description, &p->language, &p->location, &p->md5
	};
	switch (i) {
	case 0:
		/* What is no type is text/plain (RFC 2045 5.2), also in a digest. */
		if (!mime_type_parse(value, params_max, sc->a, &p->type, &p->subtype,
		                     &p->params)) {
			p->type = SPAN("text");
			p->subtype = SPAN("plain");
		}
		break;
	case 1:
		mime_token_parse(value, 0, sc->a, &p->encoding, NULL);
		if (p->encoding.n == 0)
			p->encoding = SPAN("7bit");
		break;
	case 2:
		mime_token_parse(value, params_max, sc->a, &p->disposition,
		                 &p->disposition_params);
		break;
	default:
		*plain[i] = value;
	}
}

static void
take_envelope_field(struct scanner *sc, struct mime_envelope *e, struct span name,
                    struct span raw, uint32_t *seen)
{
	struct {
		const char *name;
		struct span *text;
		struct mime_address **list;
	} fields[] = {
		{ "from", NULL, &e->from },
		{ "to", NULL, &e->to },
		{ "date", &e->date, NULL },
		{ "subject", &e->subject, NULL },
		{ "message-id", &e->message_id, NULL },
		{ "cc", NULL, &e->cc },
		{ "bcc", NULL, &e->bcc },
		{ "sender", NULL, &e->sender },
		{ "reply-to", NULL, &e->reply_to },
		{ "in-reply-to", &e->in_reply_to, NULL },
		{ "references", &e->references, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (!span_iis(name, fields[i].name))
			continue;
		if (*seen & 1u << i)
			return;
		*seen |= 1u << i;
		if (fields[i].text)
			*fields[i].text = mime_unfold(raw, sc->a);
		else
			*fields[i].list =
				mime_address_parse(raw, sc->limits.addresses_max, sc->a);
		return;
	}
}

static void
read_fields(struct scanner *sc, struct mime_part *p)
{
	struct span rest = span_sub(sc->raw, p->header_at, p->header_at + p->header_len);
	struct span name, value, whole;
	uint32_t mime_seen = 0, envelope_seen = 0;

	if (!p->parent || mime_is(p->parent, "message", NULL)) {
		p->envelope = arena_new_of(sc->a, struct mime_envelope);
		p->envelope->date_ms = INT64_MIN;
	}
	while (mime_field_next(&rest, &name, &value, &whole)) {
		if (span_istarts(name, "content-"))
			take_mime_field(sc, p, name, value, &mime_seen);
		else if (p->envelope)
			take_envelope_field(sc, p->envelope, name, value, &envelope_seen);
	}
	if (p->envelope && p->envelope->date.p)
		p->envelope->date_ms = mime_date_parse(p->envelope->date);
}

/* RFC 6532 3.5: message/global is message/rfc822 with UTF-8 in its header. */
static bool
holds_message(const struct mime_part *p)
{
	return (mime_is(p, "message", "rfc822") || mime_is(p, "message", "global")) &&
	       !span_is(p->encoding, "base64") &&
	       !span_is(p->encoding, "quoted-printable");
}

/* The header of cur ends before end, its body begins at body_at. */
static void
finish_header(struct scanner *sc, size_t end, size_t body_at)
{
	struct mime_part *p = sc->cur;
	bool has_room = sc->n_parts < limit(sc->limits.parts_max, MIME_PARTS_DEFAULT) &&
	                sc->depth < limit(sc->limits.depth_max, MIME_DEPTH_DEFAULT);

	p->header_len = end - p->header_at;
	p->body_at = body_at;
	p->body_lines = sc->line_no; /* until close_part() counts */
	sc->in_header = false;
	read_fields(sc, p);
	if (holds_message(p) && has_room) {
		p->first = part_new(sc, p, body_at);
		sc->depth++;
	} else if (mime_is(p, "multipart", NULL) && has_room) {
		struct span boundary =
			without_padding(mime_param_get(p->params, "boundary"));
		if (boundary.n == 0)
			return;
		sc->open[sc->n_open] = (struct open_multipart){ p, NULL, boundary };
		sc->hashes[sc->n_open++] = hash_of(boundary);
	}
}

/*
 * The body of p ends before the line end in front of at_line, or at the end of all, but
 * not before floor, where what is in it ends. Returns the end.
 */
static uint64_t
close_part(struct scanner *sc, struct mime_part *p, size_t at_line, bool at_boundary,
           uint64_t floor)
{
	uint64_t end = at_line;
	uint32_t lines = sc->line_no;

	if (floor < p->body_at)
		floor = p->body_at;
	/* RFC 2046 5.1.1: the line end before a boundary belongs to the boundary. */
	if (at_boundary && end > floor && sc->raw.p[end - 1] == '\n') {
		end--;
		lines--;
		if (end > floor && sc->raw.p[end - 1] == '\r')
			end--;
	}
	p->body_len = end - p->body_at;
	p->body_lines = lines - p->body_lines;
	if (mime_is(p, "multipart", NULL) && !p->first) {
		p->type = SPAN("text");
		p->subtype = SPAN("plain");
		p->params = NULL;
	}
	return end;
}

/* Closes cur and its parents up to stop, which stays open and becomes cur. */
static void
close_up_to(struct scanner *sc, struct mime_part *stop, size_t at_line, bool at_boundary)
{
	uint64_t floor = 0;

	while (sc->in_header)
		finish_header(sc, at_line, at_line);
	while (sc->cur != stop) {
		floor = close_part(sc, sc->cur, at_line, at_boundary, floor);
		sc->cur = sc->cur->parent;
		sc->depth--;
	}
}

/* The open multipart whose boundary the line is, innermost first, or n_open. */
static size_t
find_boundary(const struct scanner *sc, struct span line, bool *ret_is_close)
{
	if (sc->n_open == 0 || line.n < 3 || line.p[0] != '-' || line.p[1] != '-')
		return sc->n_open;
	struct span text = without_padding(span_sub(line, 2, line.n));
	bool may_close = span_ends(text, "--");
	struct span inner = span_sub(text, 0, may_close ? text.n - 2 : text.n);
	uint32_t hash = hash_of(text), inner_hash = may_close ? hash_of(inner) : hash;

	for (size_t i = sc->n_open; i-- > 0;) {
		struct span boundary = sc->open[i].boundary;
		if (sc->hashes[i] == hash && span_eq(boundary, text)) {
			*ret_is_close = false;
			return i;
		}
		if (may_close && sc->hashes[i] == inner_hash &&
		    span_eq(boundary, inner)) {
			*ret_is_close = true;
			return i;
		}
	}
	return sc->n_open;
}

static void
take_boundary(struct scanner *sc, size_t which, bool is_close, size_t at, size_t next)
{
	struct open_multipart *m = &sc->open[which];

	close_up_to(sc, m->part, at, true);
	sc->n_open = which;
	if (is_close || sc->n_parts >= limit(sc->limits.parts_max, MIME_PARTS_DEFAULT))
		return;
	sc->n_open++;
	sc->depth++;
	struct mime_part *p = part_new(sc, m->part, next);
	if (m->last)
		m->last->next = p;
	else
		m->part->first = p;
	m->last = p;
}

static void
take_line(struct scanner *sc, size_t at, struct span line)
{
	/* A line may end a header and be the first of the next one within. */
	while (sc->in_header) {
		if (mime_line_is_empty(line)) {
			sc->line_no++;
			finish_header(sc, at + line.n, at + line.n);
			return;
		}
		if (mime_line_is_header(line))
			break;
		finish_header(sc, at, at);
	}
	sc->line_no += line.n > 0 && line.p[line.n - 1] == '\n';
}

struct mime_part *
mime_parse(struct span raw, const struct mime_limits *limits, struct arena *a)
{
	struct scanner sc = { .raw = raw, .a = a, .depth = 1 };

	if (limits)
		sc.limits = *limits;
	uint32_t depth_max = limit(sc.limits.depth_max, MIME_DEPTH_DEFAULT);
	sc.open = arena_array(a, depth_max, struct open_multipart);
	sc.hashes = arena_array(a, depth_max, uint32_t);
	struct mime_part *root = part_new(&sc, NULL, 0);
	for (size_t at = 0, next; at < raw.n; at = next) {
		struct span line = mime_line(raw, at);
		bool is_close = false;
		next = at + line.n;
		size_t which = find_boundary(&sc, line, &is_close);
		if (which < sc.n_open) {
			take_boundary(&sc, which, is_close, at, next);
			sc.line_no += line.p[line.n - 1] == '\n';
		} else {
			take_line(&sc, at, line);
		}
	}
	close_up_to(&sc, NULL, raw.n, false);
	return root;
}
