#include "folder.h"
#include "plan/plan.h"

TestSuite(plan, .init = folder_make, .fini = folder_remove, .timeout = 20);

Test(plan, an_empty_trial_has_the_defaults)
{
    struct pf_trial *trial = pf_plan_new();
    cr_assert_eq(trial->deadline_ns, PF_DEADLINE_DEFAULT_NS);
    cr_assert_eq(trial->grace_ns, PF_GRACE_DEFAULT_NS);
    cr_assert_not(trial->capture);
    cr_assert_eq(trial->command_count + trial->fault_count + trial->limit_count, 0);
    pf_plan_free(trial);
    pf_plan_free(NULL);
}

Test(plan, a_trial_has_all_that_its_variant_and_scenario_say)
{
    folder_text("pitfall.yaml",
                "id: fd-exhaustion\n"
                "title: T\n"
                "limits: {nofile: 32, core: unlimited}\n"
                "faults:\n"
                "  - point=working:hold=exit@0.1:when=2+\n"
                "  - after=100ms:kill:to=0.*\n"
                "deadline: 2500ms\n"
                "variants:\n"
                "  - name: py\n"
                "    command: [no-such-interpreter, \"it's\", \"\"]\n"
                "    expect: {finding: limit, diagnosis: fd-exhaustion, output: o, exit: 3}\n");
    struct pf_scenario *scenario;
    struct pf_error error = {""};
    cr_assert_eq(pf_scenario_read(folder, &scenario, &error), 0, "%s", error.message);
    struct pf_trial *trial = pf_plan_variant(scenario, &scenario->variants[0]);
    pf_scenario_free(scenario); /* the trial is a copy; a sanitizer sees it if not */

    cr_assert_str_eq(trial->scenario, "fd-exhaustion");
    cr_assert_str_eq(trial->variant, "py");
    cr_assert(trial->capture);
    cr_assert_null(trial->directory);
    cr_assert_eq(trial->deadline_ns, 2500000000ULL);
    cr_assert_eq(trial->grace_ns, PF_GRACE_DEFAULT_NS);
    cr_assert_eq(trial->command_count, 3);
    cr_assert_str_eq(trial->command[1], "it's");
    cr_assert_eq(trial->limit_count, 2);
    cr_assert_str_eq(trial->limits[0].resource, "nofile");
    cr_assert_eq(trial->fault_count, 2);
    cr_assert_str_eq(trial->faults[0].actions[0].until->proc, "0.1");
    cr_assert_eq(trial->faults[0].trigger.first, 2);
    cr_assert_str_eq(trial->faults[1].to_glob, "0.*");
    cr_assert_str_eq(trial->expect.finding, "limit");
    cr_assert_str_eq(trial->expect.diagnosis, "fd-exhaustion");
    cr_assert_str_eq(trial->expect.output, "o");
    cr_assert_str_eq(trial->expect.exit, "3");
    cr_assert_str_eq(trial->skip, "no no-such-interpreter on this machine");
    cr_assert_str_eq(
        trial->replay,
        "pitfall run --inject point=working:hold=exit@0.1:when=2+ "
        "--inject 'after=100ms:kill:to=0.*' --limit nofile=32 --limit core=unlimited "
        "--deadline 2500ms --expect-exit 3 --expect-text o -- no-such-interpreter 'it'\\''s' ''");
    pf_plan_free(trial);
}

Test(plan, a_trial_made_by_hand_can_be_replayed)
{
    const char *command[] = {"./a b", "$HOME", "--x=1", "~", "-"};
    struct pf_trial *trial = pf_plan_new();
    trial->command = command;
    trial->command_count = 5;
    trial->share = PF_SHARE_PID | PF_SHARE_SHM;
    trial->directory = "/my dir";
    cr_assert_str_eq(pf_plan_replay(trial),
                     "cd '/my dir' && pitfall run --share pid,shm -- './a b' '$HOME' --x=1 '~' -");
    pf_plan_free(trial);
}

/* What a shell makes of the replay line is the command again, word for word. */
Test(plan, a_shell_reads_the_quoting_back)
{
    const char *command[] = {"a'b", "\"$(x)\\", "*?[", "line\nend", " ", "é", "#", "&|;<>"};
    struct pf_trial *trial = pf_plan_new();
    trial->command = command;
    trial->command_count = sizeof(command) / sizeof(command[0]);
    const char *words = strstr(pf_plan_replay(trial), " -- ") + 4;
    char script[1024], said[256] = "";
    snprintf(script, sizeof(script), "printf '%%s\\001' %s", words);
    folder_write("script", script, strlen(script), 0644);
    char shell[600];
    snprintf(shell, sizeof(shell), "/bin/sh %s", folder_path("script"));
    FILE *pipe = popen(shell, "r");
    cr_assert_not_null(pipe);
    size_t length = fread(said, 1, sizeof(said) - 1, pipe);
    cr_assert_eq(pclose(pipe), 0);
    const char *at = said;
    for (size_t i = 0; i < trial->command_count; i++) {
        size_t word = strlen(command[i]);
        cr_assert(strncmp(at, command[i], word) == 0 && at[word] == '\001', "%s", command[i]);
        at += word + 1;
    }
    cr_assert_eq((size_t)(at - said), length);
    pf_plan_free(trial);
}
