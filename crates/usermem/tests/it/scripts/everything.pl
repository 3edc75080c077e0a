# Uses much of the interpreter; prints the same on every run.
use strict;
use warnings;
use List::Util qw(sum max);
use Digest::SHA qw(sha256_hex);

my $state = 42;
sub noise { $state = ($state * 1103515245 + 12345) % 2147483648; return $state; }

my @numbers = map { noise() } 1 .. 200_000;
my @sorted = sort { $a <=> $b } @numbers;
print "sorted $sorted[0] $sorted[-1] ", sum(@numbers), " ", max(@numbers), "\n";

my %count;
$count{ $_ % 97 }++ for @numbers;
print join(" ", map { "$_=$count{$_}" } sort { $a <=> $b } keys %count), "\n";

my $text = join(" ", map { sprintf "%x", $_ } @numbers[0 .. 20_000]);
my $hits = () = $text =~ /\b([0-9a-f])\1/g;
(my $swapped = $text) =~ s/(\w)(\w)/$2$1/g;
print "text ", length($text), " $hits ", sha256_hex($text), " ", sha256_hex($swapped), "\n";

open(my $file, "<", $0) or die "open: $!";
my @lines = <$file>;
close $file;
print "lines ", scalar(@lines), " ", -s $0, "\n";
print "missing: $!\n" unless open(my $none, "<", "/no/such/file");
print "packed ", unpack("H*", pack("NnCa4d<", 1, 2, 3, "four", 1.5)), "\n";
printf "float %.15g %e\n", atan2(1, 1) * 4, 1 / 3;
my $big = "x" x 30_000_000;
substr($big, 15_000_000, 1) = "y";
print "big ", length($big), " ", index($big, "y"), "\n";
exit 3;
