# rustc 1.95.0 (59807616e 2026-04-14), release profile

leaves::copy_run_time:
    sub rsp,0x18
    mov r11,rdx
    mov r10,rsi
    cmp rcx,rsi
    cmovb r10,rcx
    cmp r10,0x21
    jae .0
    test r10,r10
    je .3
    cmp r10,0x7
    jbe .4
    cmp r10,0x10
    jbe .5
    mov rax,QWORD PTR [r11]
    mov rdx,QWORD PTR [r11+0x8]
    mov rcx,QWORD PTR [r11+r10*1-0x10]
    mov rsi,QWORD PTR [r11+r10*1-0x8]
    mov QWORD PTR [rdi],rax
    mov QWORD PTR [rdi+0x8],rdx
    mov QWORD PTR [rdi+r10*1-0x10],rcx
    mov QWORD PTR [rdi+r10*1-0x8],rsi
    xor eax,eax
    jmp .2
.0:
    cmp r10,0x10000
    jae .8
    cmp r10,0x41
    jae .1
    mov rax,QWORD PTR [rip+_]
    movzx eax,BYTE PTR [rax]
    test al,al
    je .1
    vmovdqu xmm0,XMMWORD PTR [r11]
    vmovdqu xmm1,XMMWORD PTR [r11+0x10]
    vmovdqu xmm2,XMMWORD PTR [r11+r10*1-0x20]
    vmovdqu xmm3,XMMWORD PTR [r11+r10*1-0x10]
    vmovdqu XMMWORD PTR [rdi],xmm0
    vmovdqu XMMWORD PTR [rdi+0x10],xmm1
    vmovdqu XMMWORD PTR [rdi+r10*1-0x20],xmm2
    vmovdqu XMMWORD PTR [rdi+r10*1-0x10],xmm3
    xor eax,eax
    jmp .2
.1:
    mov rax,QWORD PTR [rip+_]
    mov rax,QWORD PTR [rax]
    mov rsi,r11
    mov rdx,r10
    call rax
.2:
    mov ecx,0x1
    test rax,rax
    jne .7
    mov rax,rcx
    mov rdx,r10
    add rsp,0x18
    ret
.3:
    mov ecx,0x1
    xor r10d,r10d
    mov rax,rcx
    mov rdx,r10
    add rsp,0x18
    ret
.4:
    cmp r10,0x3
    jbe .6
    mov eax,DWORD PTR [r11]
    mov edx,DWORD PTR [r11+r10*1-0x4]
    mov DWORD PTR [rdi],eax
    mov DWORD PTR [rdi+r10*1-0x4],edx
    xor eax,eax
    jmp .2
.5:
    mov rax,QWORD PTR [r11]
    mov rdx,QWORD PTR [r11+r10*1-0x8]
    mov QWORD PTR [rdi],rax
    mov QWORD PTR [rdi+r10*1-0x8],rdx
    xor eax,eax
    jmp .2
.6:
    mov rcx,r10
    shr rcx,1
    movzx eax,BYTE PTR [r11]
    movzx edx,BYTE PTR [r11+rcx*1]
    movzx esi,BYTE PTR [r11+r10*1-0x1]
    mov BYTE PTR [rdi],al
    mov BYTE PTR [rdi+rcx*1],dl
    mov BYTE PTR [rdi+r10*1-0x1],sil
    xor eax,eax
    jmp .2
.7:
    mov QWORD PTR [rsp],rdx
    lea rcx,[rsp+0x8]
    mov rsi,rdi
    mov rdi,rcx
    mov rcx,r11
    mov rdx,r10
    mov r8,r10
    mov r9,rax
    jmp .9
.8:
    mov QWORD PTR [rsp],0x0
    lea rax,[rsp+0x8]
    mov rsi,rdi
    mov rdi,rax
    mov rcx,r11
    mov rdx,r10
    mov r8,r10
    xor r9d,r9d
.9:
    call QWORD PTR [rip+_]
    movzx eax,BYTE PTR [rsp+0x10]
    mov r10,QWORD PTR [rsp+0x8]
    xor ecx,ecx
    cmp al,0x6
    sete cl
    mov rax,rcx
    mov rdx,r10
    add rsp,0x18
    ret
    int3
    int3
    int3
    int3
    int3
    int3
    int3
    int3
    int3

leaves::copy_8:
    cmp rsi,0x8
    setb al
    cmp rcx,0x8
    setb cl
    or cl,al
    je .1
    xor r8d,r8d
.0:
    mov rax,r8
    mov rdx,rdi
    ret
.1:
    mov r9,rdx
    mov r10,rdi
    mov edi,0x8
    mov ecx,0x8
    mov rax,QWORD PTR [r9]
    mov rdx,QWORD PTR [r9+rcx*1-0x8]
    mov QWORD PTR [r10],rax
    mov QWORD PTR [r10+rcx*1-0x8],rdx
    xor eax,eax
    mov r8d,0x1
    test rax,rax
    je .0
    sub rsp,0x18
    mov QWORD PTR [rsp],rdx
    lea rdi,[rsp+0x8]
    mov edx,0x8
    mov r8d,0x8
    mov rcx,r9
    mov rsi,r10
    mov r9,rax
    call QWORD PTR [rip+_]
    xor r8d,r8d
    cmp BYTE PTR [rsp+0x10],0x6
    sete r8b
    mov rdi,QWORD PTR [rsp+0x8]
    add rsp,0x18
    mov rax,r8
    mov rdx,rdi
    ret
    int3
    int3
    int3
    int3

leaves::zero_run_time:
    sub rsp,0x18
    mov r11,rsi
    mov r10,rdi
    cmp rsi,0x20
    jbe .1
    cmp r11,0xffff
    ja .7
    mov rax,QWORD PTR [rip+_]
    mov rax,QWORD PTR [rax]
    mov rdi,r10
    mov rsi,r11
    call rax
.0:
    mov ecx,0x1
    test rax,rax
    jne .6
    mov rax,rcx
    mov rdx,r11
    add rsp,0x18
    ret
.1:
    test r11,r11
    je .2
    cmp r11,0x7
    jbe .3
    cmp r11,0x10
    jbe .4
    xor eax,eax
    mov QWORD PTR [r10],rax
    mov QWORD PTR [r10+0x8],rax
    mov QWORD PTR [r10+r11*1-0x10],rax
    mov QWORD PTR [r10+r11*1-0x8],rax
    jmp .0
.2:
    mov ecx,0x1
    xor r11d,r11d
    mov rax,rcx
    mov rdx,r11
    add rsp,0x18
    ret
.3:
    cmp r11,0x3
    jbe .5
    xor eax,eax
    mov DWORD PTR [r10],eax
    mov DWORD PTR [r10+r11*1-0x4],eax
    jmp .0
.4:
    xor eax,eax
    mov QWORD PTR [r10],rax
    mov QWORD PTR [r10+r11*1-0x8],rax
    jmp .0
.5:
    mov rcx,r11
    shr rcx,1
    xor eax,eax
    mov BYTE PTR [r10],al
    mov BYTE PTR [r10+rcx*1],al
    mov BYTE PTR [r10+r11*1-0x1],al
    jmp .0
.6:
    lea rdi,[rsp+0x8]
    mov rsi,r10
    mov r8,rdx
    mov rdx,r11
    mov rcx,rax
    jmp .8
.7:
    lea rdi,[rsp+0x8]
    mov rsi,r10
    mov rdx,r11
    xor ecx,ecx
    xor r8d,r8d
.8:
    call QWORD PTR [rip+_]
    movzx eax,BYTE PTR [rsp+0x10]
    mov r11,QWORD PTR [rsp+0x8]
    xor ecx,ecx
    cmp al,0x6
    sete cl
    mov rax,rcx
    mov rdx,r11
    add rsp,0x18
    ret
    int3
    int3
    int3
    int3
    int3
    int3
    int3

leaves::load_u64:
    cmp rsi,0x7
    jbe .2
    test dil,0x7
    je .0
    xor eax,eax
    mov rdx,rcx
    ret
.0:
    xor eax,eax
    mov rcx,QWORD PTR [rdi]
    mov rdx,rax
    test rax,rax
    jne .3
.1:
    xor eax,eax
    test rdx,rdx
    sete al
    mov rdx,rcx
    ret
.2:
    push rax
    lea rdi,[rip+_]
    lea rdx,[rip+_]
    mov esi,0x53
    call QWORD PTR [rip+_]
.3:
    mov rcx,rdi
    jmp .1
    int3
    int3
    int3
    int3
    int3
    int3

leaves::compare_exchange_u32:
    cmp rsi,0x3
    jbe .1
    xor eax,eax
    test dil,0x3
    je .0
    mov edx,ecx
    ret
.0:
    mov esi,ecx
    mov eax,edx
    lock cmpxchg DWORD PTR [rdi],esi
    mov rcx,rax
    xor eax,eax
    test rax,rax
    jne .2
    mov eax,0x1
    mov edx,ecx
    ret
.1:
    push rax
    lea rdi,[rip+_]
    lea rdx,[rip+_]
    mov esi,0x53
    call QWORD PTR [rip+_]
.2:
    xor eax,eax
    mov edx,ecx
    ret
    int3
    int3
    int3
    int3
    int3
    int3

leaves::load_word:
    xor eax,eax
    mov rcx,QWORD PTR [rdi]
    test rax,rax
    jne .1
.0:
    xor edx,edx
    test rax,rax
    sete dl
    mov rax,rdx
    mov rdx,rcx
    ret
.1:
    jmp .0
    int3
    int3
    int3
    int3
    int3

leaves::store_word:
    mov cl,0x1
    mov QWORD PTR [rdi],rsi
    mov eax,ecx
    ret
    push rax
    call safecopy::atomic::word_block::WordBlock<safecopy::block::Destination,W>::store_again
    cmp al,0x6
    sete cl
    add rsp,0x8
    mov eax,ecx
    ret
    int3
    int3
    int3
    int3
    int3
    int3
