/* SPDX-License-Identifier: ISC
 *
 * mime_text.h - what a person reads of a message: decoded words, bodies, attachments.
 *
 * On GMime, iconv and libxml2's HTML parser. All results are valid UTF-8.
 */
#ifndef FORMAT_MIME_TEXT_H
#define FORMAT_MIME_TEXT_H

#include "format/mime.h"

/* At start, so that no thread pays for it later (g_mime_init); may be called again. */
void mime_text_init(void);

/* A raw header value with RFC 2047 words decoded (and bare 8-bit guessed), in a. */
struct span mime_decode_header(struct span raw, struct arena *a);
/* The other way: a phrase or unstructured text as a header can carry it, as it is or in
 * encoded words (UTF-8, base64), folded between them. Controls become spaces. */
void mime_words_write(struct span utf8, struct buf *out);
/* Can it stand in a header as it is: printable ASCII, nothing like an encoded word? */
bool mime_words_is_plain(struct span s);
/* "Name <a@b>" list with decoded names, separated by ", ", for ActiveSync and the
 * terminal. */
struct span mime_addresses_str(const struct mime_address *list, struct arena *a);
/* Decoded file name of a part: RFC 2231 filename, then name; empty without. */
struct span mime_part_filename(const struct mime_part *p, struct arena *a);

/* The transfer encoding undone (base64, quoted-printable, uuencode; others as is).
 * Damaged input gives what can be read. body is the part's body bytes. */
void mime_decode_body(const struct mime_part *p, struct span body, struct buf *out);
/* The same and converted from the part's charset to UTF-8; unknown charsets and bad bytes
 * become U+FFFD. */
void mime_decode_text(const struct mime_part *p, struct span body, struct buf *out);

/* The parts that a mail program shows and lists. */
struct mime_view {
	struct mime_part *plain; /* the best text/plain body, or NULL */
	struct mime_part *html;  /* the best text/html body, or NULL */
	/* Leaf parts that are neither, attached messages and inline images too. */
	struct mime_part **attachments;
	size_t n_attachments;
	bool is_signed; /* multipart/signed or S/MIME */
};

void mime_view_make(struct mime_part *root, struct arena *a, struct mime_view *ret);

/* HTML to readable plain text (links kept, scripts and styles left out), through libxml2.
 */
void html_to_text(struct span html, struct buf *out);
/* Plain text to minimal HTML: escaped, line ends as <br>. */
void text_to_html(struct span text, struct buf *out);

#endif
