/* SPDX-License-Identifier: ISC
 *
 * xml_read.h - small XML documents of strangers, read through libxml2.
 *
 * Nothing is fetched, no entity is expanded, a document type is refused. Namespaces are
 * not looked at: names are compared without their prefix.
 */
#ifndef FORMAT_XML_READ_H
#define FORMAT_XML_READ_H

#include "base/arena.h"

struct xml_read;

/* RC_INVALID: not well-formed, or with a document type; RC_TOO_BIG: more than max bytes.
 */
enum rc xml_read_new(struct span doc, size_t max, struct xml_read **ret) MUST_CHECK;
void xml_read_free(struct xml_read *x);
AUTO_DEFINE(xml_read);

/* Text of the first element on the path "Root/Child/Grandchild", in a; empty without. */
struct span xml_read_text(const struct xml_read *x, const char *path, struct arena *a);
/* How many elements stand at the path; of its parents the first counts. */
size_t xml_read_count(const struct xml_read *x, const char *path);

#endif
