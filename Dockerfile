FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/prepare.mjs scripts/
COPY src src
RUN node scripts/prepare.mjs && npm prune --omit=dev --ignore-scripts

FROM node:22-slim
ENV NODE_ENV=production

# In a container the proxy has to listen on every address to be reached at all. PROXY_INSECURE=true
# then says: whoever reaches the published port may use your backends and the keys configured for
# them, without a key of their own. That is right behind `-p 127.0.0.1:11434:11434`. On a port that
# others reach, ask every client for a bearer token instead:
#   docker run -e PROXY_INSECURE=false -e PROXY_API_KEY=… -p 11434:11434 …
ENV OLLAMA_HOST=0.0.0.0:11434 \
    PROXY_INSECURE=true

# A configuration mounted at /app/ollama-openai-proxy.yaml is found by itself.
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist

# The user "node" of the base image, by number: runAsNonRoot can then check it.
USER 1000:1000
EXPOSE 11434
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:11434/healthz').then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["serve"]
