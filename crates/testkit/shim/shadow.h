/* What the interposed calls tell the shadow. Every function may be called from any thread. */
#ifndef FREIGHT_SHADOW_H
#define FREIGHT_SHADOW_H

#include <stddef.h>
#include <sys/types.h>

/* A descriptor was opened, or closed. */
void shadow_opened(int fd);
void shadow_closed(int fd);

/* Bytes [from, to) of a file may differ from what was last synced. */
void shadow_dirtied(int fd, off_t from, off_t to);

/* The file was synced, successfully: what it holds now survives a power cut. */
void shadow_synced(int fd);

/* A name went away, or moved. */
void shadow_unlinked(const char *path);
void shadow_renamed(const char *from, const char *to);

#endif
