/* SPDX-License-Identifier: ISC
 *
 * wbxml.c - ActiveSync's token tables and the parser [MS-ASWBXML, WAP-192-WBXML].
 *
 * Numbers in comments are sections of WAP-192-WBXML-20010725.
 */
#include "format/wbxml.h"

#include <assert.h>

#include "format/wbxml_private.h"

#define DEPTH_DEFAULT 32
#define NODES_DEFAULT 100000
#define TOKENS 0x40

static const char *const page_names[WBXML_PAGE_MAX + 1] = {
#define P(page, number) [number] = WBXML_NS_##page,
	WBXML_PAGES(P)
#undef P
};

static const char *const tag_names[WBXML_PAGE_MAX + 1][TOKENS] = {
#define X(page, NAME, token, name) [WBXML_PAGE_##page][token] = WBXML_NS_##page ":" name,
	WBXML_TAGS(X)
#undef X
};

const char *
wbxml_page_name(uint8_t page)
{
	return page <= WBXML_PAGE_MAX ? page_names[page] : NULL;
}

const char *
wbxml_tag_name(wbxml_tag tag)
{
	unsigned page = tag >> 8, token = tag & 0xff;

	if (page > WBXML_PAGE_MAX || token >= TOKENS)
		return NULL;
	return tag_names[page][token];
}

wbxml_tag
wbxml_tag_find(const char *page, const char *name)
{
	for (unsigned p = 0; p <= WBXML_PAGE_MAX; p++) {
		if (!page_names[p] || strcmp(page_names[p], page) != 0)
			continue;
		size_t skip = strlen(page) + 1;
		for (unsigned t = 0; t < TOKENS; t++) {
			const char *full = tag_names[p][t];
			if (full && strcmp(full + skip, name) == 0)
				return (wbxml_tag)(p << 8 | t);
		}
	}
	return 0;
}

/*
 * The elements of type "byte array" (MS-ASDTYPE 2.7.1) that clients expect as OPAQUE. The
 * pictures of GAL and ResolveRecipients are base64 text in practice, whatever the
 * documents say, and are not here.
 */
bool
wbxml_tag_is_opaque(wbxml_tag tag)
{
	switch (tag) {
	case WBXML_SEARCH_CONVERSATIONID:
	case WBXML_AIRSYNCBASE_CONTENT:
	case WBXML_ITEMOPERATIONS_CONVERSATIONID:
	case WBXML_COMPOSEMAIL_MIME:
	case WBXML_EMAIL2_CONVERSATIONID:
	case WBXML_EMAIL2_CONVERSATIONINDEX:
		return true;
	default:
		return false;
	}
}

struct parser {
	const uint8_t *p;
	const uint8_t *end;
	struct arena *a;
	uint8_t page;
	size_t depth;
	size_t nodes;
	size_t depth_max;
	size_t nodes_max;
	struct wbxml_node *root;
	struct wbxml_node *open; /* innermost open element */
	size_t *text_caps;       /* by depth: room behind the joined text; 0: it shows the
	                            document */
};

/* 5.1: mb_u_int32, seven bits a byte, most significant first. */
static bool
read_mb_u32(struct parser *ps, uint32_t *ret)
{
	uint32_t v = 0;

	for (int i = 0; i < 5 && ps->p < ps->end; i++) {
		uint8_t b = *ps->p++;
		if (v > UINT32_MAX >> 7)
			return false;
		v = v << 7 | (b & 0x7f);
		if (!(b & 0x80)) {
			*ret = v;
			return true;
		}
	}
	return false;
}

/* 5.4: version, public identifier, charset, string table. */
static bool
read_header(struct parser *ps)
{
	uint32_t public_id, charset, table_len;

	if (ps->p >= ps->end || *ps->p < 0x01 || *ps->p > 0x03)
		return false;
	ps->p++;
	/* MS-ASWBXML 2.1.2: the unknown public identifier, UTF-8 (106), no string table.
	 */
	return read_mb_u32(ps, &public_id) && public_id == 0x01 &&
	       read_mb_u32(ps, &charset) && charset == WBXML_CHARSET_UTF8 &&
	       read_mb_u32(ps, &table_len) && table_len == 0;
}

/* Joins pieces of text; the room doubles, so that many small pieces stay cheap. */
static void
add_text(struct parser *ps, struct span more)
{
	struct wbxml_node *n = ps->open;
	size_t *cap = &ps->text_caps[ps->depth - 1];

	if (more.n == 0)
		return;
	if (n->text.n == 0) {
		n->text = more;
		return;
	}
	size_t need = n->text.n + more.n;
	if (*cap < need) {
		char *joined = arena_alloc(ps->a, need * 2);
		memcpy(joined, n->text.p, n->text.n);
		n->text.p = joined;
		*cap = need * 2;
	}
	/* With a cap the bytes are ours and lie in the arena. */
	memcpy((char *)(uintptr_t)n->text.p + n->text.n, more.p, more.n);
	n->text.n = need;
}

static bool
read_string(struct parser *ps)
{
	const uint8_t *nul = memchr(ps->p, 0, (size_t)(ps->end - ps->p));

	if (!nul || !ps->open)
		return false;
	add_text(ps, span_of((const char *)ps->p, (size_t)(nul - ps->p)));
	ps->p = nul + 1;
	return true;
}

static bool
read_opaque(struct parser *ps)
{
	uint32_t n;

	if (!ps->open || !read_mb_u32(ps, &n) || n > (size_t)(ps->end - ps->p))
		return false;
	add_text(ps, span_of((const char *)ps->p, n));
	ps->p += n;
	return true;
}

static enum rc
read_tag(struct parser *ps, uint8_t token)
{
	/* 5.8.2: bit 7 announces attributes, which ActiveSync does not have. */
	if (token & 0x80 || (token & 0x3f) < 0x05)
		return RC_INVALID;
	if (++ps->nodes > ps->nodes_max)
		return RC_TOO_BIG;
	struct wbxml_node *n = arena_new_of(ps->a, struct wbxml_node);
	n->tag = (wbxml_tag)(ps->page << 8 | (token & 0x3f));
	n->parent = ps->open;
	n->text = SPAN("");
	if (!ps->open)
		ps->root = n;
	else if (ps->open->last)
		ps->open->last->next = n;
	else
		ps->open->first = n;
	if (ps->open)
		ps->open->last = n;
	if (token & WBXML_CONTENT) {
		if (ps->depth == ps->depth_max)
			return RC_TOO_BIG;
		ps->text_caps[ps->depth++] = 0;
		ps->open = n;
	}
	return RC_OK;
}

static enum rc
read_token(struct parser *ps)
{
	uint8_t token = *ps->p++;

	switch (token) {
	case WBXML_SWITCH_PAGE:
		if (ps->p >= ps->end)
			return RC_INVALID;
		ps->page = *ps->p++;
		return RC_OK;
	case WBXML_END:
		if (!ps->open)
			return RC_INVALID;
		ps->open = ps->open->parent;
		ps->depth--;
		return RC_OK;
	case WBXML_STR_I:
		return read_string(ps) ? RC_OK : RC_INVALID;
	case WBXML_OPAQUE:
		return read_opaque(ps) ? RC_OK : RC_INVALID;
	default:
		/* ENTITY, LITERAL, EXT, PI and STR_T have no identity a tag could have.
		 */
		return read_tag(ps, token);
	}
}

enum rc
wbxml_parse(struct span doc, const struct wbxml_limits *limits, struct arena *a,
            struct wbxml_node **ret_root)
{
	struct parser ps = {
		.p = (const uint8_t *)doc.p,
		.end = (const uint8_t *)doc.p + doc.n,
		.a = a,
		.depth_max =
			limits && limits->depth_max ? limits->depth_max : DEPTH_DEFAULT,
		.nodes_max =
			limits && limits->nodes_max ? limits->nodes_max : NODES_DEFAULT,
	};

	if (doc.n == 0 || !read_header(&ps))
		return RC_INVALID;
	ps.text_caps = arena_array(a, ps.depth_max, size_t);
	while (ps.p < ps.end) {
		if (ps.root && !ps.open)
			return RC_INVALID; /* bytes behind the root element */
		enum rc rc = read_token(&ps);
		if (rc != RC_OK)
			return rc;
	}
	if (!ps.root || ps.open)
		return RC_INVALID;
	*ret_root = ps.root;
	return RC_OK;
}

struct wbxml_node *
wbxml_child(const struct wbxml_node *n, wbxml_tag tag)
{
	struct wbxml_node *c = n ? n->first : NULL;

	while (c && c->tag != tag)
		c = c->next;
	return c;
}

struct wbxml_node *
wbxml_next(const struct wbxml_node *n, wbxml_tag tag)
{
	struct wbxml_node *c = n ? n->next : NULL;

	while (c && c->tag != tag)
		c = c->next;
	return c;
}

struct span
wbxml_child_text(const struct wbxml_node *n, wbxml_tag tag)
{
	const struct wbxml_node *c = wbxml_child(n, tag);

	return c ? c->text : SPAN("");
}

enum rc
wbxml_child_u32(const struct wbxml_node *n, wbxml_tag tag, uint32_t max, uint32_t *ret)
{
	const struct wbxml_node *c = wbxml_child(n, tag);

	return c ? parse_u32(c->text, max, ret) : RC_NOT_FOUND;
}
