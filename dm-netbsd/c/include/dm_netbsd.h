/*
 * NetBSD's device mapper, for programs in C.
 *
 * A command is a dictionary in libprop's XML, in the engine dialect that docs/proplib.md has: with the key dialect =
 * engine. It goes to the kernel's driver with all checks of dm-netbsd, and the reply has what was done, or error, errno
 * and error_kind. prop_dictionary_externalize(3) writes such a text, prop_dictionary_internalize(3) reads the reply.
 *
 *	struct dm_netbsd *dm;
 *	char *reply;
 *	if (dm_netbsd_open(&dm) == 0 && dm_netbsd_call(dm, text, strlen(text), &reply) == 0) {
 *		puts(reply);
 *		dm_netbsd_free(reply);
 *		dm_netbsd_close(dm);
 *	}
 *
 * Build: cargo build --release -p dm-netbsd-c
 * Link: libdm_netbsd_c.a -lpthread
 */
#ifndef DM_NETBSD_H
#define DM_NETBSD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An open driver. Threads may share it. */
struct dm_netbsd;

/* A driver that is not this kernel's, such as that of a rump kernel. It makes no nodes. */
struct dm_netbsd_door {
	void *context;
	/*
	 * NETBSD_DM_IOCTL: sends a text, which has a NUL at its end, and gives the reply's, with its NUL, by address and
	 * length. Returns 0, or an errno. Threads call it side by side.
	 */
	int (*ioctl)(void *context, const void *request, size_t length, void **reply, size_t *reply_length);
	/* Gives a reply back: munmap(2), for one of NETBSD_DM_IOCTL. */
	void (*release)(void *context, void *reply, size_t reply_length);
	/* The driver's major numbers: 169 and 194 in GENERIC. */
	uint32_t block_major;
	uint32_t character_major;
};

/* Opens the kernel's driver. Returns 0, EPERM, ENXIO if there is none, or EIO. */
int dm_netbsd_open(struct dm_netbsd **driver);

/* Takes a driver behind a door, which is copied. Returns 0, or EINVAL without an ioctl or a release. */
int dm_netbsd_open_door(const struct dm_netbsd_door *door, struct dm_netbsd **driver);

/*
 * Obeys a request of that length and gives the reply, a string to be freed. Returns 0 wherever there is a reply: that of
 * a failure has the key error_kind. Else EINVAL for a null pointer, EIO for a bug.
 */
int dm_netbsd_call(struct dm_netbsd *driver, const char *request, size_t length, char **reply);

/* Frees a reply. */
void dm_netbsd_free(char *reply);

/* Closes the driver. */
void dm_netbsd_close(struct dm_netbsd *driver);

#ifdef __cplusplus
}
#endif
#endif
