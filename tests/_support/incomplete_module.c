/* A library that looks like a PKCS#11 module. LIST says what its C_GetFunctionList gives: nothing, NULL, or a list without
   the function at MISSING. Self-contained. */
typedef unsigned long W;
static W unsupported() { return 0x54; }
static W ok() { return 0; }
static struct { unsigned char major, minor; W (*functions[68])(); } list = { 2, 40 };
static unsigned constructed;
__attribute__((constructor)) static void construct(void) { constructed++; }
unsigned incomplete_constructed(void) { return constructed; }

W C_GetFunctionList(void **out) {
  for (int i = 0; i < 68; i++) list.functions[i] = i < 2 ? ok : unsupported;
#ifdef MISSING
  list.functions[MISSING] = 0, *out = &list;
#elif defined(GIVES_NULL)
  *out = 0;
#endif
  return 0;
}
