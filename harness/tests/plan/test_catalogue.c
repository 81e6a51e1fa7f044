#include <errno.h>

#include "folder.h"
#include "plan/plan.h"

TestSuite(catalogue, .init = folder_make, .fini = folder_remove, .timeout = 20);

static void add(const char *name, const char *id, const char *order)
{
    char path[64], text[256];
    snprintf(path, sizeof(path), "%s/pitfall.yaml", name);
    snprintf(text, sizeof(text), "id: %s\ntitle: T\n%s\nvariants: [{name: broken}]\n", id, order);
    folder_text(path, text);
}

Test(catalogue, scenarios_come_by_order_and_then_by_id)
{
    add("a", "zebra", "order: 2");
    add("b", "late-b", "");
    add("c", "ant", "order: 10");
    add("d", "bee", "order: 2");
    add("e", "late-a", "");
    folder_text("notes/README", "no scenario");
    folder_text("loose-file", "");
    folder_text(".hidden/pitfall.yaml", "not even YAML: [");

    struct pf_catalogue catalogue;
    struct pf_error error = {""};
    cr_assert_eq(pf_catalogue_read(folder, &catalogue, &error), 0, "%s", error.message);
    static const char *const expected[] = {"bee", "zebra", "ant", "late-a", "late-b"};
    cr_assert_eq(catalogue.count, 5);
    for (size_t i = 0; i < catalogue.count; i++)
        cr_assert_str_eq(catalogue.scenarios[i]->id, expected[i]);

    cr_assert_eq(pf_catalogue_find(&catalogue, "ant"), catalogue.scenarios[2]);
    cr_assert_null(pf_catalogue_find(&catalogue, "an"));
    cr_assert_str_eq(pf_catalogue_suggest(&catalogue, "zebar"), "zebra");
    cr_assert_null(pf_catalogue_suggest(&catalogue, "something-else"));
    pf_catalogue_free(&catalogue);
    cr_assert_eq(catalogue.count, 0);
    pf_catalogue_free(&catalogue);
    pf_catalogue_free(NULL);
}

Test(catalogue, a_scenario_is_a_catalogue_of_one)
{
    add("one", "only", "");
    struct pf_catalogue catalogue;
    struct pf_error error = {""};
    cr_assert_eq(pf_catalogue_read(folder_path("one"), &catalogue, &error), 0, "%s", error.message);
    cr_assert_eq(catalogue.count, 1);
    cr_assert_str_eq(catalogue.scenarios[0]->id, "only");
    pf_catalogue_free(&catalogue);
}

Test(catalogue, what_cannot_be_a_catalogue)
{
    struct pf_catalogue catalogue = {.count = 7};
    struct pf_error error = {""};
    char expected[1200];
    cr_assert_eq(pf_catalogue_read(folder_path("nowhere"), &catalogue, &error), -ENOENT);
    cr_assert_not_null(strstr(error.message, "/nowhere: No such file or directory"), "%s", error.message);

    cr_assert_eq(pf_catalogue_read(folder, &catalogue, &error), -ENOENT);
    snprintf(expected, sizeof(expected),
             "%s: there is no scenario in it, expected folders with a pitfall.yaml", folder);
    cr_assert_str_eq(error.message, expected);

    add("a", "same", "");
    add("b", "same", "");
    cr_assert_eq(pf_catalogue_read(folder, &catalogue, &error), -EINVAL);
    snprintf(expected, sizeof(expected), "%s and %s are both called \"same\"", folder_path("a"),
             folder_path("b"));
    cr_assert_str_eq(error.message, expected);

    folder_text("b/pitfall.yaml", "id: b\n");
    cr_assert_eq(pf_catalogue_read(folder, &catalogue, &error), -EINVAL);
    snprintf(expected, sizeof(expected), "%s:1: \"title\" is missing in the manifest",
             folder_path("b/pitfall.yaml"));
    cr_assert_str_eq(error.message, expected);
    cr_assert_eq(catalogue.count, 7, "untouched");
}

/* Every scenario of the project reads, tells its whole story, and names its variants. */
Test(catalogue, the_catalogue_of_the_project)
{
    struct pf_catalogue catalogue;
    struct pf_error error = {""};
    cr_assert_eq(pf_catalogue_read(TEST_DATA "/../../../scenarios", &catalogue, &error), 0, "%s",
                 error.message);
    for (size_t i = 0; i < catalogue.count; i++) {
        const struct pf_scenario *scenario = catalogue.scenarios[i];
        const char *folder_name = strrchr(scenario->directory, '/') + 1;
        cr_expect_str_eq(folder_name, scenario->id, "the folder is called as the scenario is");
        cr_expect(scenario->story && scenario->why && scenario->recognise && scenario->avoid &&
                      scenario->seed,
                  "%s: a part of its prose is missing", scenario->id);
        cr_expect_gt(scenario->source_count, 0, "%s", scenario->id);
        for (size_t v = 0; v < scenario->variant_count; v++)
            cr_expect(scenario->variants[v].mark_count, "%s: no marks in %s", scenario->id,
                      scenario->variants[v].name);
        cr_expect_str_eq(scenario->variants[0].name, "broken");
        cr_expect_str_eq(scenario->variants[1].name, "safe");
        cr_expect_not_null(scenario->variants[0].expect.finding, "%s", scenario->id);
        cr_expect_null(scenario->variants[1].expect.finding, "%s", scenario->id);
    }
    pf_catalogue_free(&catalogue);
}
