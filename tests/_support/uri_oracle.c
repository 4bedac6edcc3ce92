/* Reads from the file named by its argument lines "TYPE HEXURI", parses each with libp11-kit and prints "CODE UNRECOGNIZED MATCHES HEXFORMATTED". */
#include <p11-kit/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill(unsigned char *field, size_t length, const char *text) {
  memset(field, ' ', length);
  memcpy(field, text, strlen(text));
}

int main(int argc, char **argv) {
  FILE *input = argc > 1 ? fopen(argv[1], "r") : NULL;
  if (!input) return 2;
  static char line[1 << 20];
  CK_TOKEN_INFO token = {0};
  CK_SLOT_INFO slot = {0};
  CK_INFO module = {0};
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE attributes[] = {
      {CKA_CLASS, &class, sizeof class}, {CKA_LABEL, "key", 3}, {CKA_ID, "\x01\xff", 2}};
  fill(token.label, 32, "My token");
  fill(token.manufacturerID, 32, "ACME");
  fill(token.model, 16, "v2");
  fill(token.serialNumber, 16, "01");
  fill(slot.slotDescription, 64, "A slot");
  fill(slot.manufacturerID, 32, "ACME");
  fill(module.libraryDescription, 32, "A library");
  fill(module.manufacturerID, 32, "ACME");
  module.libraryVersion.major = 2;
  module.libraryVersion.minor = 5;
  while (fgets(line, sizeof line, input)) {
    unsigned type;
    int at = 0;
    size_t length = 0;
    if (sscanf(line, "%u %n", &type, &at) < 1) continue;
    char *hex = line + at, *text = malloc(strlen(hex) / 2 + 1), *formatted = NULL;
    unsigned byte;
    while (sscanf(hex, "%2x", &byte) == 1) text[length++] = (char)byte, hex += 2;
    text[length] = 0;
    P11KitUri *uri = p11_kit_uri_new();
    int code = p11_kit_uri_parse(text, type, uri);
    int matches = 0;
    if (code == 0) {
      matches = p11_kit_uri_match_token_info(uri, &token) | p11_kit_uri_match_slot_info(uri, &slot) << 1 |
                p11_kit_uri_match_module_info(uri, &module) << 2 | p11_kit_uri_match_attributes(uri, attributes, 3) << 3;
      p11_kit_uri_format(uri, P11_KIT_URI_FOR_ANY, &formatted);
    }
    printf("%d %d %d ", code, p11_kit_uri_any_unrecognized(uri), matches);
    for (char *c = formatted ? formatted : ""; *c; c++) printf("%02x", (unsigned char)*c);
    printf("\n");
    free(formatted);
    free(text);
    p11_kit_uri_free(uri);
  }
  return 0;
}
