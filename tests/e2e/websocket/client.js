// A WebSocket client: client.js PORT CONNECTIONS opens so many connections at once,
// lets each tell its story, and prints all that it saw as JSON, one line for each.
'use strict';

const { createHash } = require('crypto');
const WebSocket = require('ws');

const [port, connections] = process.argv.slice(2).map(Number);
const CLOSES = ['1000 done', '1001', '1011 broken', '3000 own', '4999 last', '1008 ' + 'x'.repeat(100)];

// Bytes that look like noise and are the same every time.
function bytes(seed, size) {
	const data = Buffer.alloc(size);

	for (let n = 0, x = seed + 1; n < size; n++) {
		x = (Math.imul(x, 1103515245) + 12345) >>> 0;
		data[n] = x >>> 16;
	}
	return data;
}

// What connection n does, in turns: each sends, then waits for so many answers.
function story(n) {
	const sizes = [0, 1, 125, 126, 127, 65535, 65536, 65537];
	const turns = [
		[(s) => s.send(`text ${n} äöü \u{1f600}`), 1],
		[(s) => s.send(''), 1],
		[(s) => s.send(bytes(n, sizes[n % sizes.length])), 1],
		[(s) => s.ping(`p${n}`), 1],
		[(s) => s.send('!ping q' + n), 2],
		[(s) => {
			s.send('frag', { fin: false });
			s.ping('between');
			s.send(`men${n}`, { fin: false });
			s.send('ted', { fin: true });
		}, 2],
		[(s) => {
			s.send(bytes(n, 1000), { fin: false, binary: true });
			s.send(bytes(n + 1, 3000), { fin: true, binary: true });
		}, 1],
		[(s) => s.send('!fragments 5'), 1],
		[(s) => {
			for (let m = 0; m < 10; m++)
				s.send(`burst ${m}`);
		}, 10],
	];

	if (n % 25 === 0)
		turns.push([(s) => s.send(bytes(n, 1 << 20)), 1]);
	return turns;
}

function describe(data, binary) {
	if (data.length < 200 && !binary)
		return data.toString();
	return `${data.length} bytes ${createHash('sha256').update(data).digest('hex').slice(0, 16)}`;
}

function end(socket, n) {
	const m = Math.floor(n / 3);
	const close = CLOSES[m % CLOSES.length].split(' ');

	if (n % 3 === 0)
		socket.close(Number(close[0]), close.slice(1).join(' '));
	else if (n % 3 === 1)
		socket.send('!close ' + close.join(' '));
	else
		socket.send(m % 2 ? '!terminate' : '!close 1000');
}

function run(n) {
	return new Promise((resolve) => {
		const seen = [];
		const turns = story(n);
		let due = 1; // the server's hello
		const socket = new WebSocket(`ws://127.0.0.1:${port}/chat/${n}?q=${n}`,
			n % 2 ? ['chat', 'other'] : [], {
				headers: { 'X-Case': `case ${n}` },
				perMessageDeflate: n % 4 === 0 ? { threshold: 64 } : false,
			});

		function saw(what) {
			seen.push(what);
			if (--due > 0)
				return;
			const turn = turns.shift();

			if (turn === undefined) {
				end(socket, n);
			} else {
				due = turn[1];
				turn[0](socket);
			}
		}

		socket.on('upgrade', (response) => seen.push(['upgrade', response.statusCode,
			response.headers['sec-websocket-protocol'] || '',
			response.headers['sec-websocket-extensions'] || '']));
		socket.on('message', (data, binary) =>
			saw([binary ? 'binary' : 'text', describe(data, binary)]));
		socket.on('ping', (data) => saw(['ping', data.toString()]));
		socket.on('pong', (data) => saw(['pong', data.toString()]));
		socket.on('error', (error) => seen.push(['error', error.message]));
		socket.on('close', (code, reason) => {
			seen.push(['close', code, reason.toString()]);
			resolve(seen);
		});
	});
}

Promise.all(Array.from({ length: connections }, (_, n) => run(n)))
	.then((all) => {
		for (const seen of all)
			console.log(JSON.stringify(seen));
	});
