// Decodes with one kernel table: decode STORE DESCRIPTION TABLE STEPS PROMPT [FORCED]
//
// PROMPT and FORCED are token ids with commas between them; DESCRIPTION is what describe.py writes. Prints
// for each step the greedy id and its log-probability. With FORCED the sequence follows those ids instead of its
// own, so that a near-tie which falls the other way does not change what later steps are asked.
// decode --tables prints the names of the tables that this processor can run.
#include "decode_prompt.h"

enum { most_tokens = 256 };

typedef struct {
    size_t count, id[most_tokens];
} token_list;

static token_list read_tokens(const char *text, size_t vocabulary) {
    token_list list = {0};
    for (char *end; *text; text = *end == ',' ? end + 1 : end) {
        list.id[list.count] = strtoul(text, &end, 10);
        if (end == text || (*end && *end != ',')) refuse(text, "is no list of token ids");
        if (list.id[list.count] >= vocabulary) refuse(text, "begins with an id past the vocabulary");
        if (++list.count == most_tokens) refuse(text, "follows too many tokens");
    }
    return list;
}

static int print_tables(void) {
    for (size_t i = 0; ck_known_name(i); i++) {
        if (ck_named(ck_known_name(i))) puts(ck_known_name(i));
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--tables") == 0) return print_tables();
    if (argc < 6) refuse("usage", "decode STORE DESCRIPTION TABLE STEPS PROMPT [FORCED]");
    const ck_table *kernels = ck_named(argv[3]);
    if (!kernels) refuse(argv[3], "is no table of this processor");
    model_weights model = read_model(argv[1], argv[2]);
    size_t steps = strtoul(argv[4], NULL, 10);
    token_list prompt = read_tokens(argv[5], model.vocabulary);
    token_list forced = read_tokens(argc > 6 ? argv[6] : "", model.vocabulary);
    if (prompt.count == 0 || steps == 0 || steps > most_tokens) refuse(argv[4], "steps, or no prompt");
    decoder d = start_decoder(kernels, &model, prompt.count + steps);
    evaluate_prompt(&d, prompt.id, prompt.count);
    for (size_t i = 0; i < steps; i++) {
        size_t best = ck_argmax(d.logits, model.vocabulary);
        printf("%zu %.5f\n", best, d.logits[best] - ck_log_sum_exp(d.logits, model.vocabulary, 1));
        if (i + 1 < steps) step(&d, i < forced.count ? forced.id[i] : best, prompt.count + i);
    }
    return 0;
}
