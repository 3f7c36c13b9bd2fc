/* SPDX-License-Identifier: ISC
 *
 * rc.c - the texts of the result enum, and sentences for humans.
 */
#include "base/rc.h"

#include <stdarg.h>
#include <stdio.h>

const char *
rc_str(enum rc rc)
{
	switch (rc) {
#define X(name, text)                                                                    \
	case RC_##name:                                                                  \
		return text;
		RC_LIST(X)
#undef X
	}
	return "unknown result";
}

enum rc
err_set(struct err *err, enum rc rc, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return rc;
	va_start(ap, fmt);
	if (vsnprintf(err->text, sizeof(err->text), fmt, ap) < 0)
		err->text[0] = '\0';
	va_end(ap);
	return rc;
}
