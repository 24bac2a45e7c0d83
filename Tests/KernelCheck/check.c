// Holds every kernel table that this processor can run against arithmetic in double: check [--quick]
// [TABLE...]
//
// Prints for each table how many checks were made and how many were wrong, with the first few of those,
// and exits with 1 when any was. --quick leaves out enough cases to run on an emulated processor. With tables
// named, only those are checked; a name that this processor cannot run is an error.
#include "attend_checks.h"
#include "bounds_checks.h"
#include "harness.h"
#include "packed.h"
#include "vector_checks.h"
#include "weight_checks.h"

static int add_table(const char *name) {
    const ck_table *table = ck_named(name);
    if (table && table_count < max_tables) tallies[table_count++].kernels = table;
    return table != NULL;
}

static void check_names(void) {
    current = tallies;
    describe("ck_named");
    judge(ck_best() != NULL && ck_named(ck_best()->name) == ck_best(),
          "the best table cannot be had by its name");
    judge(ck_named("no such table") == NULL && ck_named("") == NULL, "an unknown name has a table");
    judge(ck_named("scalar") != NULL, "there is no scalar table");
    for (size_t i = 0; ck_known_name(i); i++) {
        const ck_table *table = ck_named(ck_known_name(i));
        judge(!table || strcmp(table->name, ck_known_name(i)) == 0, "%s has another name", ck_known_name(i));
    }
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            quick = 1;
        } else if (!add_table(argv[i])) {
            fprintf(stderr, "check: %s is no table of this processor; usage: check [--quick] [TABLE...]\n",
                    argv[i]);
            return 2;
        }
    }
    for (size_t i = 0, named = table_count; ck_known_name(i) && !named; i++) add_table(ck_known_name(i));
    check_names();
    check_vectors();
    check_attention();
    check_weights();
    check_bounds();
    size_t wrong = 0;
    for (size_t i = 0; i < table_count; i++) {
        printf("%s: %zu checks, %zu wrong\n", tallies[i].kernels->name, tallies[i].checks, tallies[i].wrong);
        wrong += tallies[i].wrong;
    }
    return wrong == 0 ? 0 : 1;
}
