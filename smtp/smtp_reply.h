/* SPDX-License-Identifier: ISC
 *
 * smtp_reply.h - every reply that a session gives, in one place (RFC 5321 4.2, RFC 3463,
 * RFC 5248).
 */
#ifndef SMTP_SMTP_REPLY_H
#define SMTP_SMTP_REPLY_H

#include "base/buf.h"

#define SMTP_REPLY_LIST(X)                                                               \
	X(OK, 250, "2.0.0", "Ok")                                                        \
	X(SENDER_OK, 250, "2.1.0", "Sender ok")                                          \
	X(RCPT_OK, 250, "2.1.5", "Recipient ok")                                         \
	X(BYE, 221, "2.0.0", "Bye")                                                      \
	X(HELP, 214, "2.0.0", "See RFC 5321")                                            \
	X(TLS_READY, 220, "2.0.0", "Ready to start TLS")                                 \
	X(AUTH_OK, 235, "2.7.0", "Signed in")                                            \
	X(CANNOT_VERIFY, 252, "2.0.0", "Not verified; try to send")                      \
	X(GO_AHEAD, 354, NULL, "End data with <CR><LF>.<CR><LF>")                        \
	X(SHUTDOWN, 421, "4.3.2", "Server shuts down, come again")                       \
	X(IDLE, 421, "4.4.2", "Waited too long")                                         \
	X(TOO_MANY_ERRORS, 421, "4.7.0", "Too many errors")                              \
	X(TOO_MANY_CONNECTIONS, 421, "4.7.0", "Too many connections from you")           \
	X(BUSY, 421, "4.3.2", "Too busy now, try again later")                           \
	X(LOCAL_ERROR, 451, "4.3.0", "Not possible now, try again")                      \
	X(FILTER_DEFER, 451, "4.7.1", "Not now, try again")                              \
	X(TOO_MANY_RCPTS, 452, "4.5.3", "Too many recipients")                           \
	X(TLS_NOT_NOW, 454, "4.7.0", "TLS is not available")                             \
	X(AUTH_LATER, 454, "4.7.0", "Too many sign-ins, try again later")                \
	X(UNKNOWN_COMMAND, 500, "5.5.1", "Unknown command")                              \
	X(LINE_TOO_LONG, 500, "5.5.6", "Line too long")                                  \
	X(BAD_LINE_END, 500, "5.5.2", "Bare CR, bare LF or NUL in a command")            \
	X(SYNTAX, 501, "5.5.4", "Syntax error in parameters")                            \
	X(BAD_SENDER, 501, "5.1.7", "Bad sender address")                                \
	X(BAD_RCPT, 501, "5.1.3", "Bad recipient address")                               \
	X(BAD_BASE64, 501, "5.5.2", "Not base64, or not what was asked for")             \
	X(AUTH_CANCELLED, 501, "5.7.0", "Cancelled")                                     \
	X(NOT_IMPLEMENTED, 502, "5.5.1", "Not implemented")                              \
	X(BAD_SEQUENCE, 503, "5.5.1", "Bad sequence of commands")                        \
	X(BAD_PIPELINING, 503, "5.5.0", "Improper pipelining")                           \
	X(CHUNK_OK, 250, "2.0.0", "Chunk taken")                                         \
	X(NO_VALID_RCPT, 503, "5.5.1", "No valid recipients")                            \
	X(AUTH_UNKNOWN, 504, "5.5.4", "Mechanism not supported")                         \
	X(AUTH_NEEDED, 530, "5.7.0", "Authentication required")                          \
	X(TLS_NEEDED, 530, "5.7.0", "Must issue a STARTTLS command first")               \
	X(AUTH_FAILED, 535, "5.7.8", "Wrong name or password")                           \
	X(AUTH_TLS_NEEDED, 538, "5.7.11", "Encryption required for authentication")      \
	X(UNKNOWN_USER, 550, "5.1.1", "No such user here")                               \
	X(RELAY_DENIED, 550, "5.7.1", "Relaying denied")                                 \
	X(SENDER_DENIED, 550, "5.7.1", "Sender address is not yours")                    \
	X(FILTER_REJECT, 550, "5.7.1", "Refused by policy")                              \
	X(BAD_DATA, 550, "5.6.11", "Bare CR, bare LF or NUL in the message")             \
	X(TOO_BIG, 552, "5.3.4", "Message too big")                                      \
	X(NOT_ASCII, 553, "5.6.7", "Address needs SMTPUTF8")                             \
	X(ALIAS_LOOP, 554, "5.4.6", "Address expands to itself")                         \
	X(GROUP_TOO_BIG, 554, "5.2.4", "The group has too many members")                 \
	X(MAIL_LOOP, 554, "5.4.6", "Too many hops")                                      \
	X(UNKNOWN_PARAM, 555, "5.5.4", "Parameter not recognised")

enum smtp_reply {
#define X(name, code, enhanced, text) SMTP_REPLY_##name,
	SMTP_REPLY_LIST(X)
#undef X
};

/* What a result of the store or of mdm/ means for an envelope or a message. */
enum smtp_reply smtp_reply_from_rc(enum rc rc);

unsigned smtp_reply_code(enum smtp_reply r);
/* "5.1.1", or NULL. */
const char *smtp_reply_enhanced(enum smtp_reply r);
const char *smtp_reply_text(enum smtp_reply r);
/* "550 5.1.1 No such user here\r\n"; text non-NULL stands instead of the usual one, cut
 * and cleaned of control characters. */
void smtp_reply_write(enum smtp_reply r, const char *text, struct buf *out);

#endif
