# connect HOST:PORT PASSWORD_FILE USER FAREWELL...: standard input and output become a connection to that server, let in already.
#   When the input ends, however it ends, the farewells (commands) are sent before the connection closes.
# listen: prints a port and a line feed; standard input and output become the first connection that comes to it.
use strict;
use warnings;
use Socket;

$SIG{PIPE} = 'IGNORE';
my $mode = shift @ARGV;
my $peer = $mode eq 'listen' ? accepted() : connected(splice @ARGV, 0, 3);
relay($peer);
goodbye($peer, @ARGV) if @ARGV;

sub connected {
    my ($place, $password_file, $user) = @_;
    my ($host, $port) = $place =~ /^(.*):(\d+)$/;
    my $address = inet_aton($host) or die "no host $host\n";
    socket(my $server, PF_INET, SOCK_STREAM, 0) or die "no socket: $!\n";
    connect($server, pack_sockaddr_in($port, $address)) or die "nothing answers at port $port: $!\n";
    return $server unless length $password_file;
    open(my $file, '<', $password_file) or die "$password_file: $!\n";
    my $password = do { local $/; <$file> } // '';
    $password =~ s/\n+\z//;
    put($server, command('AUTH', length $user ? $user : (), $password));
    my $answer = line($server);
    die "it does not let us in: $answer\n" unless $answer eq '+OK';
    return $server;
}

sub accepted {
    socket(my $listener, PF_INET, SOCK_STREAM, 0) or die "no socket: $!\n";
    bind($listener, pack_sockaddr_in(0, INADDR_LOOPBACK)) && listen($listener, 1) or die "no port: $!\n";
    put(\*STDOUT, (unpack_sockaddr_in(getsockname $listener))[0] . "\n");
    ready(\*STDIN, $listener);
    exit 1 if !ready_now($listener);    # the input ended, or came before the connection
    accept(my $peer, $listener) or die "no connection: $!\n";
    close $listener;
    return $peer;
}

sub command { return join '', '*' . @_ . "\r\n", map { '$' . length($_) . "\r\n$_\r\n" } @_ }

sub put {
    my ($to, $text) = @_;
    my $done = 0;
    while ($done < length $text) {
        my $written = syswrite $to, $text, length($text) - $done, $done;
        return 0 unless defined $written;
        $done += $written;
    }
    return 1;
}

sub line {
    my ($from) = @_;
    my $text = '';
    while (sysread $from, my $byte, 1) {
        $text .= $byte;
        return substr $text, 0, -2 if $text =~ /\r\n\z/;
    }
    return $text;
}

sub ready {
    my $bits = '';
    vec($bits, fileno $_, 1) = 1 for @_;
    select my $found = $bits, undef, undef, undef;
    return map { vec $found, fileno $_, 1 } @_;
}

sub ready_now {
    my ($one) = @_;
    my $bits = '';
    vec($bits, fileno $one, 1) = 1;
    return select $bits, undef, undef, 0;
}

sub relay {
    my ($peer) = @_;
    while (1) {
        my ($input, $output) = ready(\*STDIN, $peer);
        if ($output) {
            my $read = sysread $peer, my $piece, 65536;
            exit 0 unless $read && put(\*STDOUT, $piece);
        }
        if ($input) {
            my $read = sysread \*STDIN, my $piece, 65536;
            return unless $read;
            exit 1 unless put($peer, $piece);
        }
    }
}

sub goodbye {
    my ($server, @farewells) = @_;
    put($server, command(split / /)) for @farewells;
    shutdown $server, 1;
    1 while sysread $server, my $rest, 65536;
    return;
}
