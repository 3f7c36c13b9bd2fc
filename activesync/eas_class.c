/* SPDX-License-Identifier: ISC
 *
 * eas_class.c - the table of data classes.
 */
#include "activesync/eas_class.h"

#include "activesync/eas_legacy.h"

static const struct eas_class *const classes[] = {
	&eas_class_email, &eas_class_contact, &eas_class_calendar,
	&eas_class_task,  &eas_class_note,
};

const struct eas_class *eas_class_find(enum store_class class)
{
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (classes[i]->class == class)
			return classes[i];
	}
	return NULL;
}

enum rc
eas_class_write(struct eas_call *c, const struct eas_class *class, bool change,
                struct store_tx *tx, const struct store_item *item,
                const struct eas_options *o, size_t limit, struct arena *a,
                struct wbxml_writer *w)
{
	eas_class_write_fn *fn =
		change && class->write_change ? class->write_change : class->write;

	if (eas_is_legacy(c->query.version))
		return eas_legacy_write(c, fn, tx, item, o, limit, a, w);
	return fn(c, tx, item, o, limit, a, w);
}

const struct eas_class *
eas_class_named(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (span_iis(name, classes[i]->name))
			return classes[i];
	}
	return NULL;
}

const struct eas_class *
eas_class_of_type(unsigned type)
{
	if (type == 1)
		return &eas_class_email;
	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (classes[i]->user_type == type)
			return classes[i];
	}
	return NULL;
}
