/* What a program around an exported header gives to the board that runs it. */
#ifndef BOARD_H
#define BOARD_H

void evaluate(void);
int is_same(void); /* whether the outputs are those of the machine that wrote the header, to the last bit */
extern const unsigned example_bytes, output_bytes, multiply_adds;

/* The arena of a header lies between the fences of board.c: the linker script puts these sections in their order. */
#define NET_PLACE __attribute__((section(".bss.fenced.arena")))

#endif
