/* SPDX-License-Identifier: ISC
 *
 * eas_sync_parse.c - the Sync request: [MS-ASCMD] 2.2.1.21, 2.2.3.29.2, 2.2.3.125.6.
 */
#include "activesync/eas_id.h"
#include "activesync/eas_legacy.h"
#include "activesync/eas_sync.h"

/* An absent element has its default, an empty one and 1 are true. */
static bool
flag_of(const struct wbxml_node *parent, wbxml_tag tag, bool absent)
{
	const struct wbxml_node *n = wbxml_child(parent, tag);

	if (!n)
		return absent;
	return n->text.n == 0 || !span_is(n->text, "0");
}

static enum rc
number_of(const struct wbxml_node *parent, wbxml_tag tag, uint32_t max, uint32_t absent,
          uint32_t *ret)
{
	enum rc rc = wbxml_child_u32(parent, tag, max, ret);

	if (rc == RC_NOT_FOUND) {
		*ret = absent;
		return RC_OK;
	}
	return rc;
}

/* MS-ASAIRS 2.2.2.12 */
static enum rc
parse_pref(const struct wbxml_node *n, struct eas_options *o)
{
	struct eas_body_pref *p = &o->prefs[o->n_prefs];
	uint32_t type, all, preview;
	enum rc rc;

	const struct wbxml_node *once = wbxml_child(n, WBXML_AIRSYNCBASE_ALLORNONE);

	rc = wbxml_child_u32(n, WBXML_AIRSYNCBASE_TYPE, 4, &type);
	if (rc != RC_OK || type == 0)
		return RC_INVALID;
	/* MS-ASAIRS 3.2.5.1: one AllOrNone, and one preference of each type. */
	if (once && wbxml_next(once, WBXML_AIRSYNCBASE_ALLORNONE))
		return RC_INVALID;
	for (size_t i = 0; i < o->n_prefs; i++) {
		if (o->prefs[i].type == type)
			return RC_INVALID;
	}
	*p = (struct eas_body_pref){ .type = (uint8_t)type };
	rc = number_of(n, WBXML_AIRSYNCBASE_TRUNCATIONSIZE, UINT32_MAX, EAS_NO_TRUNCATION,
	               &p->truncation);
	if (rc == RC_OK)
		rc = number_of(n, WBXML_AIRSYNCBASE_ALLORNONE, 1, 0, &all);
	if (rc == RC_OK)
		rc = number_of(n, WBXML_AIRSYNCBASE_PREVIEW, 255, 0, &preview);
	if (rc != RC_OK)
		return RC_INVALID;
	/* 2.2.2.3.2: AllOrNone without a TruncationSize means nothing. */
	p->all_or_none = all != 0 && p->truncation != EAS_NO_TRUNCATION;
	p->preview = (uint16_t)preview;
	o->n_prefs++;
	return RC_OK;
}

enum rc
eas_body_prefs_parse(const struct wbxml_node *n, wbxml_tag tag, struct eas_options *o)
{
	enum rc rc = RC_OK;

	for (const struct wbxml_node *p = wbxml_child(n, tag);
	     p && rc == RC_OK && o->n_prefs < EAS_BODY_PREFS_MAX; p = wbxml_next(p, tag))
		rc = parse_pref(p, o);
	return rc;
}

/* MS-ASAIRS 2.2.2.11, 2.2.2.41.3 */
enum rc
eas_body_part_parse(const struct wbxml_node *n, struct eas_options *o)
{
	const struct wbxml_node *p = wbxml_child(n, WBXML_AIRSYNCBASE_BODYPARTPREFERENCE);
	struct eas_options one = { 0 };

	if (!p)
		return RC_OK;
	if (wbxml_next(p, WBXML_AIRSYNCBASE_BODYPARTPREFERENCE) ||
	    parse_pref(p, &one) != RC_OK)
		return RC_INVALID;
	if (one.prefs[0].type != EAS_BODY_HTML)
		return RC_UNSUPPORTED;
	o->part = one.prefs[0];
	return RC_OK;
}

enum rc
eas_options_parse(const struct wbxml_node *n, struct eas_options *ret)
{
	struct eas_options o = EAS_OPTIONS_DEFAULT;
	uint32_t filter, support, truncation, conflict;
	enum rc rc;

	rc = number_of(n, WBXML_AIRSYNC_FILTERTYPE, 8, 0, &filter);
	if (rc == RC_OK)
		rc = number_of(n, WBXML_AIRSYNC_MIMESUPPORT, 2, 0, &support);
	if (rc == RC_OK)
		rc = number_of(n, WBXML_AIRSYNC_MIMETRUNCATION, 8, 8, &truncation);
	if (rc == RC_OK)
		rc = number_of(n, WBXML_AIRSYNC_CONFLICT, 1, 1, &conflict);
	if (rc == RC_OK)
		rc = eas_body_prefs_parse(n, WBXML_AIRSYNCBASE_BODYPREFERENCE, &o);
	if (rc == RC_OK)
		rc = eas_body_part_parse(n, &o);
	if (rc != RC_OK)
		return rc == RC_UNSUPPORTED ? rc : RC_INVALID;
	o.filter = (uint8_t)filter;
	o.mime_support = (uint8_t)support;
	o.mime_truncation = (uint8_t)truncation;
	o.conflict = (uint8_t)conflict;
	*ret = o;
	return RC_OK;
}

enum rc
eas_options_find(const struct wbxml_node *collection, const struct wbxml_node **ret)
{
	const struct wbxml_node *one = wbxml_child(collection, WBXML_AIRSYNC_OPTIONS);
	const struct wbxml_node *two = wbxml_next(one, WBXML_AIRSYNC_OPTIONS);
	struct span class;

	if (!two) {
		*ret = one && span_iis(wbxml_child_text(one, WBXML_AIRSYNC_CLASS), "SMS")
		               ? NULL
		               : one;
		return RC_OK;
	}
	if (wbxml_next(two, WBXML_AIRSYNC_OPTIONS))
		return RC_INVALID;
	if (span_iis(wbxml_child_text(one, WBXML_AIRSYNC_CLASS), "SMS")) {
		const struct wbxml_node *t = one;

		one = two;
		two = t;
	}
	class = wbxml_child_text(one, WBXML_AIRSYNC_CLASS);
	if ((class.n > 0 && !span_iis(class, "Email")) ||
	    !span_iis(wbxml_child_text(two, WBXML_AIRSYNC_CLASS), "SMS"))
		return RC_INVALID;
	*ret = one;
	return RC_OK;
}

/* Does it ask for text messages, which come with 14.0 (MS-ASMS 2.2.2.2.1.2)? */
static bool
wants_sms(const struct wbxml_node *n, uint16_t version)
{
	const struct wbxml_node *o = wbxml_child(n, WBXML_AIRSYNC_OPTIONS);

	while (o && !span_iis(wbxml_child_text(o, WBXML_AIRSYNC_CLASS), "SMS"))
		o = wbxml_next(o, WBXML_AIRSYNC_OPTIONS);
	return o && version >= 140;
}

void
eas_conversation_mode_parse(const struct eas_call *c, const struct wbxml_node *n,
                            struct eas_sync_collection *co)
{
	co->has_conversation_mode =
		c->query.version >= 140 && wbxml_child(n, WBXML_AIRSYNC_CONVERSATIONMODE);
	co->conversation_mode = co->has_conversation_mode &&
	                        flag_of(n, WBXML_AIRSYNC_CONVERSATIONMODE, false);
}

static enum rc
parse_collection(struct eas_sync *s, const struct wbxml_node *n,
                 struct eas_sync_collection *co)
{
	const struct wbxml_node *key = wbxml_child(n, WBXML_AIRSYNC_SYNCKEY);
	const struct wbxml_node *options = NULL;
	struct eas_id id;
	enum rc rc;

	*co = (struct eas_sync_collection){ .status = EAS_STATUS_OK };
	co->id_text = wbxml_child_text(n, WBXML_AIRSYNC_COLLECTIONID);
	if (co->id_text.n == 0 || co->id_text.n > 64)
		return RC_INVALID;
	if (eas_id_parse(co->id_text, 1, &id) == RC_OK)
		co->id = id.collection;
	/* A missing or empty key is the first one (some clients leave it out). */
	if (key && key->text.n > 0 &&
	    parse_u64(key->text, UINT64_MAX - 1, &co->key) != RC_OK)
		co->key = UINT64_MAX;
	co->get_changes = flag_of(n, WBXML_AIRSYNC_GETCHANGES, co->key != 0);
	co->deletes_as_moves = flag_of(n, WBXML_AIRSYNC_DELETESASMOVES, true);
	eas_conversation_mode_parse(s->c, n, co);
	rc = number_of(n, WBXML_AIRSYNC_WINDOWSIZE, UINT32_MAX, EAS_WINDOW_DEFAULT,
	               &co->window);
	if (rc != RC_OK)
		return RC_INVALID;
	/* 2.2.3.199: 0 and more than 512 mean 512 */
	if (co->window == 0 || co->window > EAS_WINDOW_MAX)
		co->window = EAS_WINDOW_MAX;
	if (co->window > s->c->eas->conf->window_max)
		co->window = (uint32_t)s->c->eas->conf->window_max;
	if (eas_options_find(n, &options) != RC_OK)
		return RC_INVALID;
	if (wbxml_child(n, WBXML_AIRSYNC_OPTIONS)) {
		co->has_options = true;
		co->options = EAS_OPTIONS_DEFAULT;
	}
	if (options) {
		rc = eas_options_parse(options, &co->options);
		if (rc == RC_OK && eas_is_legacy(s->c->query.version))
			eas_legacy_options(options, &co->options);
		if (rc == RC_UNSUPPORTED) {
			co->status = EAS_STATUS_BODY_PART_TYPE;
			rc = RC_OK;
		}
	}
	co->options.sms = wants_sms(n, s->c->query.version);
	co->supported = wbxml_child(n, WBXML_AIRSYNC_SUPPORTED);
	co->commands = wbxml_child(n, WBXML_AIRSYNC_COMMANDS);
	if (co->commands && !co->commands->first)
		co->commands = NULL;
	if (co->commands)
		s->has_commands = true;
	return rc;
}

/* Wait in minutes or HeartbeatInterval in seconds, never both (2.2.3.198). */
static enum rc
parse_wait(struct eas_sync *s, const struct wbxml_node *root)
{
	const struct wbxml_node *wait = wbxml_child(root, WBXML_AIRSYNC_WAIT);
	const struct wbxml_node *beat =
		wbxml_child(root, WBXML_AIRSYNC_HEARTBEATINTERVAL);
	uint32_t v;

	if (wait && beat)
		return RC_INVALID;
	if (!wait && !beat)
		return RC_OK;
	if (parse_u32(wait ? wait->text : beat->text, 1000000, &v) != RC_OK)
		return RC_INVALID;
	s->is_wait = wait != NULL;
	s->wait_s = wait ? v * 60 : v;
	if (s->wait_s == 0)
		s->wait_s = 1; /* out of range, not absent */
	return RC_OK;
}

enum rc
eas_sync_parse(struct eas_sync *s, const struct wbxml_node *root)
{
	const struct wbxml_node *list = wbxml_child(root, WBXML_AIRSYNC_COLLECTIONS);
	const struct wbxml_node *n;
	size_t count = 0;
	enum rc rc;

	if (root->tag != WBXML_AIRSYNC_SYNC)
		return RC_INVALID;
	s->partial = wbxml_child(root, WBXML_AIRSYNC_PARTIAL) != NULL;
	rc = number_of(root, WBXML_AIRSYNC_WINDOWSIZE, UINT32_MAX, EAS_WINDOW_MAX,
	               &s->window);
	if (rc == RC_OK)
		rc = parse_wait(s, root);
	if (rc != RC_OK)
		return RC_INVALID;
	if (s->window == 0 || s->window > EAS_WINDOW_MAX)
		s->window = EAS_WINDOW_MAX;
	for (n = wbxml_child(list, WBXML_AIRSYNC_COLLECTION); n;
	     n = wbxml_next(n, WBXML_AIRSYNC_COLLECTION))
		count++;
	if (count > EAS_SYNC_COLLECTIONS_MAX)
		return RC_TOO_BIG;
	if (count == 0 && !s->partial)
		return RC_INVALID;
	s->collections = arena_array(s->c->arena, count, struct eas_sync_collection);
	for (n = wbxml_child(list, WBXML_AIRSYNC_COLLECTION); n && rc == RC_OK;
	     n = wbxml_next(n, WBXML_AIRSYNC_COLLECTION)) {
		rc = parse_collection(s, n, &s->collections[s->n]);
		for (size_t i = 0; i < s->n && rc == RC_OK; i++) {
			if (span_eq(s->collections[i].id_text,
			            s->collections[s->n].id_text))
				rc = RC_INVALID; /* named twice */
		}
		s->n++;
	}
	return rc;
}
