// A WebSocket server: prints its port, then sends back what comes, and does what a
// text message of the form "!..." asks for.
'use strict';

const { createServer } = require('http');
const { WebSocketServer } = require('ws');

const http = createServer((request, response) => response.end('no WebSocket'));
const server = new WebSocketServer({
	server: http,
	maxPayload: 16 << 20,
	handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false),
	perMessageDeflate: { threshold: 4096 },
});

function obey(socket, order) {
	const [verb, ...words] = order.split(' ');

	if (verb === '!close')
		socket.close(Number(words[0]), words.slice(1).join(' '));
	else if (verb === '!ping')
		socket.ping(words[0]);
	else if (verb === '!fragments')
		for (let n = Number(words[0]); n >= 0; n--)
			socket.send(`part ${n};`, { fin: n === 0, compress: false });
	else if (verb === '!terminate')
		socket.terminate();
}

server.on('connection', (socket, request) => {
	socket.send(`hello ${request.url} ${request.headers['x-case']}`);
	socket.on('message', (data, binary) => {
		if (!binary && data[0] === 0x21)
			obey(socket, data.toString());
		else
			socket.send(data, { binary });
	});
	socket.on('pong', (data) => socket.send(`pong ${data}`));
	socket.on('error', () => {});
});

http.listen(Number(process.argv[2] || 0), '127.0.0.1',
	() => console.log(http.address().port));
