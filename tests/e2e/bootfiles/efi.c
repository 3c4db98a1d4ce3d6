/* An EFI application, for x64, IA32 or ARM64, that proves it arrived whole: it checks its payload, tells
 * the serial port, and turns the machine off. Built once per name (-DNAME="..."), so that the name
 * it prints is the file that ran.
 *
 * The UART is written directly: what the firmware does with its console doesn't matter then.
 */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef __UINTPTR_TYPE__ uintn;

#if defined(__x86_64__)
#define ARCH "x64"
#elif defined(__i386__)
#define ARCH "ia32"
#elif defined(__aarch64__)
#define ARCH "arm64"
#endif

/* UEFI 2.10 section 4.3 and 4.5, as far as the one member that is used. The target's own calling
 * convention is the firmware's: section 2.3.2.2 is cdecl, 2.3.4.2 is Microsoft's for x64, 2.3.6.4 is
 * ARM's own. */
typedef struct {
    u8 header[24];
    void *before_reset[10];
    void (*reset_system)(u32 type, uintn status, uintn data_size, void *data);
} runtime_services;

typedef struct {
    u8 header[24];
    void *before_runtime[8]; /* the 32-bit revision takes a pointer's room */
    runtime_services *runtime;
} system_table;

enum { RESET_SHUTDOWN = 2 };

__asm__(".section .rdata,\"dr\"\n"
        ".globl payload\n"
        ".globl payload_end\n"
        "payload: .incbin \"" PAYLOAD "\"\n"
        "payload_end:\n");
/* Named outright: C's names have an underscore in front on IA32. */
extern const u8 payload[] __asm__("payload"), payload_end[] __asm__("payload_end");

#ifdef __aarch64__
/* A PL011, where QEMU's "virt" machine has it. */
static volatile u32 *const uart = (volatile u32 *)0x09000000;
enum { DATA = 0, FLAGS = 0x18 / 4, TRANSMIT_FULL = 0x20 };

static void put(char letter) {
    while (uart[FLAGS] & TRANSMIT_FULL) {
    }
    uart[DATA] = (u8)letter;
}
#else
enum { COM1 = 0x3f8, LINE_STATUS = COM1 + 5, TRANSMIT_EMPTY = 0x20 };

static u8 in(u16 port) {
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void put(char letter) {
    while (!(in(LINE_STATUS) & TRANSMIT_EMPTY)) {
    }
    __asm__ volatile("outb %0, %1" ::"a"(letter), "Nd"((u16)COM1));
}
#endif

static void print(const char *text) {
    for (; *text; text++) put(*text);
}

/* The same generator as payload() in bootfiles.py. */
static int payload_is_whole(void) {
    u32 state = SEED;
    for (const u8 *at = payload; at != payload_end; at++) {
        state = state * 1664525u + 1013904223u;
        if (*at != state >> 24) return 0;
    }
    return 1;
}

uintn efi_main(void *image, system_table *system) {
    (void)image;
    print("\r\nFASTPXE-MARK name=" NAME " arch=" ARCH " sum=");
    print(payload_is_whole() ? "OK\r\n" : "BAD\r\n");
    system->runtime->reset_system(RESET_SHUTDOWN, 0, 0, 0);
    return 0;
}
