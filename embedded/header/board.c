/* A Cortex-M4 board in QEMU for a program in C: vector table, reset, and semihosting to write and to end. The counterpart of
   embedded/conformance/src/machine/cortex_m.rs; the linker script is the same. */
#include <stdint.h>

#include "board.h"

#define PAINT 0xDEADBEEFu
#define REGISTER(address) (*(volatile uint32_t *)(address))

/* Bytes on both sides of the arena that nobody may change; of bytes, so that no gap is left between. */
#define PLANK 0xA5
static unsigned char fence_before[64] __attribute__((section(".bss.fenced.a"), used));
static unsigned char fence_behind[64] __attribute__((section(".bss.fenced.z"), used));

extern uint32_t _data, _data_end, _data_in_flash, _bss, _bss_end, _stack;

static void reset(void);
static void fault(void);

/* The linker script puts the end of the stack before them. */
__attribute__((section(".vectors"), used)) static void (*const vectors[15])(void) = {
    reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault
};

static void semihost(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void end(int fine)
{
    uint32_t reason[2] = { 0x20026, !fine };
    semihost(0x20, reason);
    for (;;)
        ;
}

static void text(const char *at)
{
    for (; *at; at++)
        semihost(0x03, at);
}

static void entry(const char *name, uint32_t number)
{
    char digits[11];
    int at = 10;
    digits[at] = 0;
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    text(name);
    text(digits + at);
}

static void fault(void)
{
    text("fault\n");
    end(0);
}

void start(void);
void start(void)
{
    uint32_t *from = &_data_in_flash, *to, *deepest, *lowest, before, ticks;
    int i, same, kept;
    for (to = &_data; to < &_data_end;)
        *to++ = *from++;
    for (to = &_bss; to < &_bss_end;)
        *to++ = 0;
    /* Nothing is called before the paint is dry, so that nothing lies below the stack's pointer. */
    __asm__ volatile("mov %0, sp" : "=r"(lowest));
    for (; to < lowest;)
        *(volatile uint32_t *)to++ = PAINT;
    /* SysTick: the processor's own clock, counting down from 2^24 - 1, which no evaluation here takes. */
    REGISTER(0xE000E014) = 0xFFFFFF;
    REGISTER(0xE000E018) = 0;
    REGISTER(0xE000E010) = 5;
    for (i = 0; i < (int)sizeof fence_before; i++)
        fence_before[i] = fence_behind[i] = PLANK;
    before = REGISTER(0xE000E018);
    for (i = 0; i < TIMES; i++)
        evaluate();
    ticks = (before - REGISTER(0xE000E018)) & 0xFFFFFF;
    same = is_same();
    for (deepest = &_bss_end; deepest < &_stack && *deepest == PAINT;)
        deepest++;
    kept = 1;
    for (i = 0; i < (int)sizeof fence_before; i++)
        kept &= *(volatile unsigned char *)&fence_before[i] == PLANK && *(volatile unsigned char *)&fence_behind[i] == PLANK;
    text(!kept ? "header OUTSIDE" : same ? "header same" : "header DIFFERENT");
    entry(" example ", example_bytes);
    entry(" outputs ", output_bytes);
    entry(" fences ", sizeof fence_before + sizeof fence_behind);
    entry(" macs ", multiply_adds);
    entry(" times ", TIMES);
    entry(" ticks ", ticks);
    entry(" stack ", (uint32_t)((char *)&_stack - (char *)deepest));
    text("\n");
    end(same && kept);
}

/* Turns the floating-point unit on before any instruction can ask for it. */
static void __attribute__((naked)) reset(void)
{
    __asm__ volatile("ldr r0, =0xE000ED88\n"
                     "ldr r1, [r0]\n"
                     "orr r1, r1, #0xF00000\n"
                     "str r1, [r0]\n"
                     "dsb\n"
                     "isb\n"
                     "b start\n");
}
