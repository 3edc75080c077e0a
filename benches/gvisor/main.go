// gvisor-bench does what benchmarks ask of gVisor's own packages, and says how long it took.
//
// Each line of standard input is a count, an operation and its numbers; each answer is a line with the nanoseconds of
// one operation, or with what was wrong. The memory manager is gVisor's own, over a memfd; the address space records
// nothing, so that what is measured is the memory manager.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/hostarch"
	"gvisor.dev/gvisor/pkg/memutil"
	"gvisor.dev/gvisor/pkg/safecopy"
	"gvisor.dev/gvisor/pkg/seccomp"
	"gvisor.dev/gvisor/pkg/sentry/arch"
	"gvisor.dev/gvisor/pkg/sentry/limits"
	"gvisor.dev/gvisor/pkg/sentry/memmap"
	"gvisor.dev/gvisor/pkg/sentry/mm"
	"gvisor.dev/gvisor/pkg/sentry/pgalloc"
	"gvisor.dev/gvisor/pkg/sentry/platform"
	"gvisor.dev/gvisor/pkg/usermem"
)

const (
	page = 4096
	base = 0x1000000
	free = 0x800000
)

// nowhere is a platform whose address spaces record nothing.
type nowhere struct {
	platform.NoCPUPreemptionDetection
	platform.UseHostProcessMemoryBarrier
}

func (nowhere) SupportsAddressSpaceIO() bool                { return false }
func (nowhere) CooperativelySchedulesAddressSpace() bool    { return false }
func (nowhere) MapUnit() uint64                             { return 0 }
func (nowhere) MinUserAddress() hostarch.Addr               { return 0x10000 }
func (nowhere) MaxUserAddress() hostarch.Addr               { return 0x7ffffffff000 }
func (nowhere) NewContext(context.Context) platform.Context { return nil }
func (nowhere) SyscallFilters() seccomp.SyscallRules        { return nil }
func (nowhere) NewAddressSpace(any) (platform.AddressSpace, <-chan struct{}, error) {
	return &space{}, nil, nil
}

type space struct{ platform.NoAddressSpaceIO }

func (*space) MapFile(hostarch.Addr, memmap.File, memmap.FileRange, hostarch.AccessType, bool) error {
	return nil
}
func (*space) Unmap(hostarch.Addr, uint64) {}
func (*space) Release()                    {}
func (*space) PreFork()                    {}
func (*space) PostFork()                   {}

type provider struct{ file *pgalloc.MemoryFile }

func (p provider) MemoryFile() *pgalloc.MemoryFile { return p.file }

var ctx context.Context

func newManager() *mm.MemoryManager {
	fd, err := memutil.CreateMemFD("bench", 0)
	check(err)
	file, err := pgalloc.NewMemoryFile(os.NewFile(uintptr(fd), "bench"), pgalloc.MemoryFileOpts{})
	check(err)
	manager := mm.NewMemoryManager(nowhere{}, provider{file}, false)
	_, err = manager.SetMmapLayout(arch.New(arch.Host), limits.NewLimitSet())
	check(err)
	check(manager.Activate(ctx))
	return manager
}

func mapAt(manager *mm.MemoryManager, addr, length uint64, perms hostarch.AccessType) error {
	_, err := manager.MMap(ctx, memmap.MMapOpts{
		Length: length, Addr: hostarch.Addr(addr), Fixed: true,
		Perms: perms, MaxPerms: hostarch.AnyAccess, Private: true,
	})
	return err
}

// numbers is the same sequence as in the benchmarks in Rust.
type numbers uint64

func (n *numbers) below(bound int) int {
	*n ^= *n << 13
	*n ^= *n >> 7
	*n ^= *n << 17
	return int(uint64(*n)>>32) % bound
}

func newNumbers() *numbers { n := numbers(0x9e3779b97f4a7c15); return &n }

func contents(length int) []byte {
	list, n := make([]byte, length), newNumbers()
	for i := range list {
		list[i] = byte(n.below(255))
	}
	return list
}

func offset(index int) uint64 { return uint64(index) * 0x9e3779b9 / 64 % 64 * 64 }
func place(index int) hostarch.Addr {
	return hostarch.Addr(base + 2*uint64(index)*page + offset(index))
}

// program makes a memory manager with mappings of a page each, each with its number at its place.
func program(maps int) *mm.MemoryManager {
	manager := newManager()
	for i := 0; i < maps; i++ {
		check(mapAt(manager, base+2*uint64(i)*page, page, hostarch.ReadWrite))
		var number [8]byte
		binary.LittleEndian.PutUint64(number[:], uint64(i))
		_, err := manager.CopyOut(ctx, place(i), number[:], usermem.IOOpts{})
		check(err)
	}
	return manager
}

// aligned returns memory that starts so far behind a page's start.
func aligned(length, offset int) []byte {
	memory, err := syscall.Mmap(-1, 0, length+offset+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS)
	check(err)
	return memory[offset : offset+length]
}

func check(err error) {
	if err != nil {
		panic(err.Error())
	}
}

func expect(is bool, what string) {
	if !is {
		panic(what)
	}
}

// operation does something count times and returns how long that took.
type operation func(count int) time.Duration

func timed(f func()) time.Duration {
	start := used()
	f()
	return used() - start
}

// used returns the time that this process has run, whoever else used the processor meanwhile.
func used() time.Duration {
	var t unix.Timespec
	check(unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t))
	return time.Duration(t.Nano())
}

func copies(lens []int, offset int) operation {
	longest := 0
	for _, length := range lens {
		if length > longest {
			longest = length
		}
	}
	from, to, mask := aligned(longest, offset), aligned(longest, offset), len(lens)-1
	copy(from, contents(longest))
	src := unsafe.Pointer(&from[0])
	return func(count int) time.Duration {
		for i := range to {
			to[i] = 0xff
		}
		failed := false
		took := timed(func() {
			for i := 0; i < count; i++ {
				_, err := safecopy.CopyIn(to[:lens[i&mask]], src)
				failed = failed || err != nil
			}
		})
		done := 0
		for i := 0; i < len(lens) && i < count; i++ {
			if lens[i] > done {
				done = lens[i]
			}
		}
		expect(!failed && string(to[:done]) == string(from[:done]), "the copy is wrong")
		return took
	}
}

// exchange puts one number after another into a word, from 1 on; each answers with the one before.
func exchange(swap func(word unsafe.Pointer, next uint32) (uint32, error)) operation {
	memory := aligned(8, 0)
	word := unsafe.Pointer(&memory[0])
	return func(count int) time.Duration {
		*(*uint32)(word) = 0
		right := 0
		took := timed(func() {
			for i := 0; i < count; i++ {
				old, err := swap(word, uint32(i)+1)
				if err == nil && old == uint32(i) {
					right++
				}
			}
		})
		expect(right == count, "the word is wrong")
		return took
	}
}

func fault() operation {
	nothing, err := syscall.Mmap(-1, 0, page, syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS)
	check(err)
	to, src := make([]byte, 64), unsafe.Pointer(&nothing[0])
	return func(count int) time.Duration {
		right := 0
		took := timed(func() {
			for i := 0; i < count; i++ {
				n, err := safecopy.CopyIn(to, src)
				if segv, ok := err.(safecopy.SegvError); ok && n == 0 && segv.Addr == uintptr(src) {
					right++
				}
			}
		})
		expect(right == count, "the fault is wrong")
		return took
	}
}

func read(length int) operation {
	manager, expected := program(1), contents(length)
	_, err := manager.CopyOut(ctx, base, expected, usermem.IOOpts{})
	check(err)
	to := aligned(length, 0)
	return func(count int) time.Duration {
		for i := range to {
			to[i] = 0xff
		}
		failed := false
		took := timed(func() {
			for i := 0; i < count; i++ {
				_, err := manager.CopyIn(ctx, base, to, usermem.IOOpts{})
				failed = failed || err != nil
			}
		})
		expect(!failed && string(to) == string(expected), "the copy is wrong")
		return took
	}
}

func random(maps int) operation {
	const places = 1 << 14
	manager, n := program(maps), newNumbers()
	var addrs [places]hostarch.Addr
	var indices [places]uint64
	for i := range addrs {
		index := n.below(maps)
		addrs[i], indices[i] = place(index), uint64(index)
	}
	to := make([]byte, 8)
	return func(count int) time.Duration {
		sum, expected := uint64(0), uint64(0)
		took := timed(func() {
			for i := 0; i < count; i++ {
				_, err := manager.CopyIn(ctx, addrs[i%places], to, usermem.IOOpts{})
				sum += binary.LittleEndian.Uint64(to)
				if err != nil {
					sum--
				}
			}
		})
		for i := 0; i < count; i++ {
			expected += indices[i%places]
		}
		expect(sum == expected, "the sum is wrong")
		return took
	}
}

func compareAndSwap() operation {
	manager := program(1)
	return func(count int) time.Duration {
		_, err := manager.SwapUint32(ctx, base, 0, usermem.IOOpts{})
		check(err)
		right := 0
		took := timed(func() {
			for i := 0; i < count; i++ {
				old, err := manager.CompareAndSwapUint32(ctx, base, uint32(i), uint32(i)+1, usermem.IOOpts{})
				if err == nil && old == uint32(i) {
					right++
				}
			}
		})
		expect(right == count, "the word is wrong")
		return took
	}
}

func sequence(ranges, length int) operation {
	manager, memory := newManager(), contents(2*ranges*length)
	check(mapAt(manager, base, uint64(len(memory)), hostarch.ReadWrite))
	_, err := manager.CopyOut(ctx, base, memory, usermem.IOOpts{})
	check(err)
	var list []hostarch.AddrRange
	expected := ""
	for i := 0; i < ranges; i++ {
		start := 2 * i * length
		list = append(list, hostarch.AddrRange{hostarch.Addr(base + start), hostarch.Addr(base + start + length)})
		expected += string(memory[start : start+length])
	}
	io := usermem.IOSequence{IO: manager, Addrs: hostarch.AddrRangeSeqFromSlice(list)}
	to := aligned(ranges*length, 0)
	return func(count int) time.Duration {
		for i := range to {
			to[i] = 0xff
		}
		failed := false
		took := timed(func() {
			for i := 0; i < count; i++ {
				n, err := io.CopyIn(ctx, to)
				failed = failed || err != nil || n != len(to)
			}
		})
		expect(!failed && string(to) == expected, "the copy is wrong")
		return took
	}
}

func mapUnmap(maps int, perms hostarch.AccessType, touch bool) operation {
	manager, byteOfOne := program(maps), []byte{1}
	return func(count int) time.Duration {
		failed := false
		took := timed(func() {
			for i := 0; i < count; i++ {
				failed = failed || mapAt(manager, free, page, perms) != nil
				if touch {
					n, _ := manager.CopyOut(ctx, free, byteOfOne, usermem.IOOpts{})
					failed = failed || n != 1
				}
				failed = failed || manager.MUnmap(ctx, free, page) != nil
			}
		})
		expect(!failed, "a mapping failed")
		return took
	}
}

func fork(maps int) operation {
	manager, number := program(maps), make([]byte, 8)
	return func(count int) time.Duration {
		var took time.Duration
		for i := 0; i < count; i++ {
			start := used()
			child, err := manager.Fork(ctx)
			took += used() - start
			check(err)
			_, err = child.CopyIn(ctx, place(maps-1), number, usermem.IOOpts{})
			expect(err == nil && binary.LittleEndian.Uint64(number) == uint64(maps-1), "the child is wrong")
			child.DecUsers(ctx)
		}
		return took
	}
}

func prepare(question string) operation {
	var name string
	var a, b int
	fmt.Sscan(question, &name, &a, &b)
	switch name {
	case "copy":
		return copies([]int{a}, b)
	case "copy_small":
		return copies([]int{3, 8, 1, 6, 2, 7, 4, 5}, 0)
	case "copy_random":
		lens, n := make([]int, 4096), newNumbers()
		for i := range lens {
			lens[i] = 1 + n.below(256)
		}
		return copies(lens, 0)
	case "swap":
		return exchange(safecopy.SwapUint32)
	case "compare_and_swap":
		return exchange(func(word unsafe.Pointer, next uint32) (uint32, error) {
			return safecopy.CompareAndSwapUint32(word, next-1, next)
		})
	case "fault":
		return fault()
	case "read":
		return read(a)
	case "random":
		return random(a)
	case "manager_compare_and_swap":
		return compareAndSwap()
	case "sequence":
		return sequence(a, b)
	case "map_unmap":
		return mapUnmap(a, hostarch.NoAccess, false)
	case "map_touch_unmap":
		return mapUnmap(a, hostarch.ReadWrite, true)
	case "fork":
		return fork(a)
	}
	panic("no such operation")
}

func answer(operations map[string]operation, line string) (text string) {
	defer func() {
		if wrong := recover(); wrong != nil {
			text = fmt.Sprint(wrong)
		}
	}()
	words := strings.SplitN(line, " ", 2)
	var count int
	fmt.Sscan(words[0], &count)
	question := words[1]
	if operations[question] == nil {
		// One at a time: those that are done with hold much memory.
		for other := range operations {
			delete(operations, other)
		}
		operations[question] = prepare(question)
	}
	// Now, and not in the middle: collecting is switched off.
	runtime.GC()
	took := operations[question](count)
	return fmt.Sprintf("%.4f", float64(took.Nanoseconds())/float64(count))
}

func main() {
	ctx = context.WithValue(context.Background(), limits.CtxLimits, limits.NewLimitSet())
	operations := make(map[string]operation)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println(answer(operations, lines.Text()))
	}
}
