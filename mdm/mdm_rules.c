/* SPDX-License-Identifier: ISC
 *
 * mdm_rules.c - the simple rules of the configuration: ids, types, and what is left.
 */
#include "mdm/mdm_rules.h"

#include <stdlib.h>

#include "base/mem.h"

#define WAITS SPAN("waits for an administrator's approval")
#define NOT_LISTED SPAN("is not on the administrator's list")

struct mdm_rules {
	int default_state; /* the choices of mdm_conf.c */
	struct conf_list ids;
	struct conf_list allowed;
	struct conf_list quarantined;
	struct conf_list blocked;
};

static void
copy(struct conf_list *to, const struct conf_list *from)
{
	to->items = xcalloc(from->n ? from->n : 1, sizeof(*to->items));
	for (; to->n < from->n; to->n++)
		to->items[to->n] = xstrdup(from->items[to->n]);
}

static void
done(struct conf_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i]);
	free(l->items);
}

struct mdm_rules *
mdm_rules_new(const struct mdm_conf *conf)
{
	struct mdm_rules *r = xcalloc(1, sizeof(*r));
	r->default_state = conf->default_state;
	copy(&r->ids, &conf->allowed_devices);
	copy(&r->allowed, &conf->allowed_types);
	copy(&r->quarantined, &conf->quarantined_types);
	copy(&r->blocked, &conf->blocked_types);
	return r;
}

void
mdm_rules_free(struct mdm_rules *r)
{
	if (!r)
		return;
	done(&r->ids);
	done(&r->allowed);
	done(&r->quarantined);
	done(&r->blocked);
	free(r);
}

bool
mdm_rules_match(struct span pattern, struct span text)
{
	if (pattern.n == 0 || pattern.p[pattern.n - 1] != '*')
		return span_ieq(pattern, text);
	pattern = span_sub(pattern, 0, pattern.n - 1);
	return span_ieq(pattern, span_sub(text, 0, pattern.n));
}

static bool
is_listed(const struct conf_list *l, struct span text)
{
	for (size_t i = 0; i < l->n; i++) {
		if (mdm_rules_match(span_str(l->items[i]), text))
			return true;
	}
	return false;
}

static struct mdm_ruling
ruling(enum store_device_state state, struct span reason, bool is_explicit)
{
	return (struct mdm_ruling){ state, reason, is_explicit };
}

struct mdm_ruling
mdm_rules_judge(const struct mdm_rules *r, struct span id, struct span type,
                const struct store_device_rules *user)
{
	if (is_listed(&r->ids, id))
		return ruling(STORE_DEVICE_ALLOWED, SPAN(""), true);
	if (is_listed(&r->blocked, type))
		return ruling(STORE_DEVICE_BLOCKED,
		              SPAN("devices of this type are blocked"), true);
	if (is_listed(&r->quarantined, type))
		return ruling(STORE_DEVICE_QUARANTINED, WAITS, true);
	if (is_listed(&r->allowed, type))
		return ruling(STORE_DEVICE_ALLOWED, SPAN(""), true);
	switch (user->unknown) {
	case STORE_DEVICE_DEFAULT_ALLOW:
		return ruling(STORE_DEVICE_ALLOWED, SPAN(""), false);
	case STORE_DEVICE_DEFAULT_QUARANTINE:
		return ruling(STORE_DEVICE_QUARANTINED, WAITS, false);
	case STORE_DEVICE_DEFAULT_BLOCK:
		return ruling(STORE_DEVICE_BLOCKED, NOT_LISTED, false);
	case STORE_DEVICE_DEFAULT_CONF:
		break;
	}
	if (r->default_state == 0)
		return ruling(STORE_DEVICE_ALLOWED, SPAN(""), false);
	if (r->default_state == 1)
		return ruling(STORE_DEVICE_QUARANTINED, WAITS, false);
	return ruling(STORE_DEVICE_BLOCKED, NOT_LISTED, false);
}
