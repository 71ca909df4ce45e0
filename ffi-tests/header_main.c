/* Three files that include the header make one program. */
#include <flow.h>

uint64_t header_macros(void);

int main(void) { return header_macros() == 2 && pf_version_number() == PF_VERSION_NUMBER ? 0 : 1; }
