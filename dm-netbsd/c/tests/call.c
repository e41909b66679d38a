/*
 * Drives dm-netbsd from C, through a door that answers with a captured reply: call REQUEST REPLY KEY. Prints what comes
 * back, and fails if KEY is not in it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dm_netbsd.h"

struct text {
	char *bytes;
	size_t length;
};

static int released;

static struct text
text_of(const char *path)
{
	struct text text = { calloc(1, 65536), 0 };
	FILE *file = fopen(path, "r");
	if (file == NULL || text.bytes == NULL) {
		perror(path);
		exit(2);
	}
	text.length = fread(text.bytes, 1, 65535, file);
	fclose(file);
	return text;
}

static int
answer(void *context, const void *request, size_t length, void **reply, size_t *reply_length)
{
	struct text *text = context;
	if (length == 0 || length > 65535 || ((const char *)request)[length - 1] != '\0')
		return EINVAL;
	*reply = text->bytes;
	/* With the NUL. */
	*reply_length = text->length + 1;
	return 0;
}

static void
release(void *context, void *reply, size_t length)
{
	struct text *text = context;
	if (reply == text->bytes && length == text->length + 1)
		released++;
}

int
main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	struct text request = text_of(argv[1]), captured = text_of(argv[2]);
	struct dm_netbsd_door door = { &captured, answer, release, 169, 194 };
	struct dm_netbsd *dm = NULL;
	char *reply = NULL;

	if (dm_netbsd_open_door(NULL, &dm) != EINVAL || dm_netbsd_open_door(&door, NULL) != EINVAL)
		return 3;
	if (dm_netbsd_open_door(&door, &dm) != 0)
		return 4;
	if (dm_netbsd_call(dm, NULL, 0, &reply) != EINVAL || dm_netbsd_call(NULL, "", 0, &reply) != EINVAL)
		return 5;
	if (dm_netbsd_call(dm, request.bytes, request.length, &reply) != 0)
		return 6;
	puts(reply);
	if (strstr(reply, argv[3]) == NULL || released != 1)
		return 7;
	dm_netbsd_free(reply);
	dm_netbsd_free(NULL);
	/* What is no request has a reply, too. */
	if (dm_netbsd_call(dm, "?", 1, &reply) != 0 || strstr(reply, "<key>error_kind</key>") == NULL)
		return 8;
	dm_netbsd_free(reply);
	dm_netbsd_close(dm);
	dm_netbsd_close(NULL);
#ifndef __NetBSD__
	if (dm_netbsd_open(&dm) != ENXIO)
		return 9;
#endif
	return 0;
}
