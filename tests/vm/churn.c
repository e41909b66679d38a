/*
 * The loop that the guest's check "churn_figures" has beside ours: makes, loads, resumes
 * and removes devices one after the other in one process, through libdevmapper and without udev.
 *
 * usage: churn [DEVICES]
 *
 * Without a number it does as many devices as each line of its input says. After each loop it
 * prints the microseconds of user and of system time that all its loops took.
 */
#include <libdevmapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static void run(struct dm_task *task, int ready)
{
	if (!task || !ready || !dm_task_run(task))
		exit(1);
	dm_task_destroy(task);
}

static struct dm_task *about(int kind, const char *name)
{
	struct dm_task *task = dm_task_create(kind);

	if (!task || !dm_task_set_name(task, name))
		exit(1);
	return task;
}

static long long microseconds(struct timeval time)
{
	return time.tv_sec * 1000000LL + time.tv_usec;
}

static void loop(int count)
{
	static int done;
	static long long user, system;
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	for (int at = 0; at < count; at++) {
		char name[32];
		struct dm_task *task;

		snprintf(name, sizeof(name), "churn-%d", done++);
		run(about(DM_DEVICE_CREATE, name), 1);
		task = about(DM_DEVICE_RELOAD, name);
		run(task, dm_task_add_target(task, 0, 8, "zero", ""));
		task = about(DM_DEVICE_RESUME, name);
		run(task, dm_task_set_add_node(task, DM_ADD_NODE_ON_RESUME));
		dm_task_update_nodes();
		run(about(DM_DEVICE_REMOVE, name), 1);
		dm_task_update_nodes();
	}
	getrusage(RUSAGE_SELF, &after);
	user += microseconds(after.ru_utime) - microseconds(before.ru_utime);
	system += microseconds(after.ru_stime) - microseconds(before.ru_stime);
	printf("%lld %lld\n", user, system);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int count;

	dm_udev_set_sync_support(0);
	if (argc > 1)
		loop(atoi(argv[1]));
	else
		while (scanf("%d", &count) == 1)
			loop(count);
	return 0;
}
