/* SPDX-License-Identifier: ISC
 *
 * http_h2_window.h - the memory of HTTP/2 sessions: one place for all of a loop's.
 *
 * nghttp2 holds 31 KB for a connection, nearly all of it zeros, and no option of it frees
 * any while the connection waits. So a loop has one window, in which nghttp2's session
 * lies while it is called; before another session is called, the words of the first that
 * are not zero are put aside (its image) and those of the other put in their places. The
 * addresses stay the same, and so nghttp2 sees nothing of it. An idle session is its
 * image: about 1 KB, and what its header tables hold.
 *
 * Everything of one window happens in its loop's thread, and one session at a time:
 * whoever calls nghttp2 enters first, and does not enter another one inside.
 */
#ifndef HTTP_HTTP_H2_WINDOW_H
#define HTTP_HTTP_H2_WINDOW_H

#include <nghttp2/nghttp2.h>

#include "base/def.h"

struct h2_window;
struct h2_image;

/* A session's part: zeroed before its first use. */
struct h2_guest {
	nghttp2_session *session; /* to be used between enter and the next enter only */
	struct h2_image *image;   /* NULL: it lies in the window, or has nothing yet */
};

struct h2_window *h2_window_new(void);
/* No session may be left. NULL is fine. */
void h2_window_free(struct h2_window *w);

/* g's session is in the window when this returns; the one that was there is put aside. */
void h2_window_enter(struct h2_window *w, struct h2_guest *g);
/* Around a call of nghttp2 that calls us back: nobody else may enter. */
void h2_window_hold(struct h2_window *w, bool is_held);
/* Enters, makes a session of a server. False when nghttp2 refuses. */
bool h2_window_open(struct h2_window *w, struct h2_guest *g,
                    const nghttp2_session_callbacks *cb, void *arg,
                    const nghttp2_option *option);
/* Ends the session; g is as new. */
void h2_window_close(struct h2_window *w, struct h2_guest *g);

/* Bytes that g costs while it is not in the window: it is put aside for this. For tests
 * and figures. */
size_t h2_window_cost(struct h2_window *w, struct h2_guest *g);

/* The allocator, for tests; memory outside of the window is the C library's. */
void *h2_window_alloc(struct h2_window *w, size_t n);
void h2_window_release(struct h2_window *w, void *p);

#endif
