/* storyctl */
#include <stdio.h>
int main(void)
{
    fputs("storyctl: not built yet\n", stderr);
    return 1;
}
