; A BIOS network boot program of more than 64 KiB that proves it arrived whole: it checks its
; payload, tells the serial port, and turns the machine off. Built once per name (-D NAME='...'),
; so that the name it prints is the file that ran.

%define PAYLOAD_AT 0x7e00       ; the start of a segment, for the loop that reads it
%define COM1 0x3f8
%define TICKS 0x46c             ; BIOS data area: incremented 18.2 times a second
%define PM1A_CONTROL 0x604      ; where SeaBIOS puts it on QEMU's "pc" machine
%define SOFT_OFF 0x2000         ; SLP_EN, SLP_TYP = S5

        bits 16
        org 0x7c00              ; PXE 2.1 section 4.4.5: entered at 0:7c00

start:  xor ax, ax
        mov ds, ax
        sti

; SeaBIOS's serial console still holds text, which the timer interrupt writes: let it finish, then
; keep it out, or the two outputs mix.
        mov bx, [TICKS]
        add bx, 4
settle: hlt
        cmp [TICKS], bx
        js settle
        cli

; The same generator as payload() in bootfiles.py.
        mov ax, PAYLOAD_AT >> 4
        mov es, ax
        xor di, di
        mov bp, wrong
        mov ecx, payload_end - payload
        mov eax, SEED
check:  imul eax, eax, 1664525
        add eax, 1013904223
        mov ebx, eax
        shr ebx, 24
        cmp bl, [es:di]
        jne tell
        inc di
        jnz next
        mov bx, es              ; di went round a segment
        add bx, 0x1000
        mov es, bx
next:   dec ecx
        jnz check

        mov bp, right
tell:   mov si, mark
        call print
        mov si, bp
        call print

        mov dx, PM1A_CONTROL
        mov ax, SOFT_OFF
        out dx, ax
halt:   hlt
        jmp halt

print:  mov dx, COM1 + 5
.full:  in al, dx
        test al, 0x20           ; transmitter empty
        jz .full
        lodsb
        test al, al
        jz .end
        mov dx, COM1
        out dx, al
        jmp print
.end:   ret

mark:   db 13, 10, "FASTPXE-MARK name=", NAME, " arch=bios sum=", 0
right:  db "OK", 13, 10, 0
wrong:  db "BAD", 13, 10, 0

        times PAYLOAD_AT - 0x7c00 - ($ - $$) db 0
payload: incbin PAYLOAD
payload_end:
