/* SPDX-License-Identifier: ISC
 *
 * wbxml_private.h - what the files of the WBXML codec share.
 */
#ifndef FORMAT_WBXML_PRIVATE_H
#define FORMAT_WBXML_PRIVATE_H

#include "format/wbxml.h"

/* Global tokens that ActiveSync uses (WAP-192-WBXML 7.1). */
enum {
	WBXML_SWITCH_PAGE = 0x00,
	WBXML_END = 0x01,
	WBXML_STR_I = 0x03,
	WBXML_CONTENT = 0x40, /* bit of a tag that has content */
	WBXML_OPAQUE = 0xc3,
};

#define WBXML_CHARSET_UTF8 106

/* "AirSync" of page 0, or NULL. */
const char *wbxml_page_name(uint8_t page);

#endif
