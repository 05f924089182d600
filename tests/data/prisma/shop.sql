-- What Prisma Migrate makes of the schema in shop/, and the view.
CREATE SCHEMA audit;
CREATE TYPE customer_kind AS ENUM ('RETAIL', 'wholesale');
CREATE TABLE customers (
    "id" SERIAL NOT NULL,
    "email" VARCHAR(320) NOT NULL,
    "nick" TEXT NOT NULL,
    "kind" customer_kind NOT NULL DEFAULT 'wholesale',
    "kinds" customer_kind[] DEFAULT ARRAY['RETAIL', 'wholesale']::customer_kind[],
    "tags" TEXT[],
    "labels" TEXT[] DEFAULT ARRAY['a', 'it''s']::TEXT[],
    "balance" DECIMAL(12,2) NOT NULL DEFAULT 0,
    "ratio" DOUBLE PRECISION NOT NULL DEFAULT -1.5,
    "big" BIGINT NOT NULL DEFAULT 9007199254740993,
    "active" BOOLEAN NOT NULL DEFAULT true,
    "settings" JSONB NOT NULL DEFAULT '{"theme": "dark"}',
    "data" BYTEA NOT NULL DEFAULT '\x6869',
    "token" UUID NOT NULL DEFAULT gen_random_uuid(),
    "made" TEXT NOT NULL DEFAULT 'by hand',
    "external" TEXT NOT NULL,
    "created" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated" TIMESTAMP(3) NOT NULL,
    "day" DATE,
    "search" tsvector,
    "legacy_name" TEXT,
    CONSTRAINT customers_pk PRIMARY KEY ("id")
);
CREATE TABLE audit."order" (
    "region" TEXT NOT NULL,
    "number" SMALLINT NOT NULL,
    "customer_id" INTEGER,
    "productId" TEXT NOT NULL,
    "parent_region" TEXT,
    "parentNumber" SMALLINT,
    CONSTRAINT order_pk PRIMARY KEY ("region", "number")
);
CREATE TABLE "Product" (
    "sku" TEXT NOT NULL,
    "aVeryLongFieldNameThatFillsTheIndexName1" TEXT NOT NULL,
    "aVeryLongFieldNameThatFillsTheIndexName2" TEXT NOT NULL,
    CONSTRAINT "Product_pkey" PRIMARY KEY ("sku")
);
CREATE TABLE "_CustomerToProduct" ("A" INTEGER NOT NULL, "B" TEXT NOT NULL, CONSTRAINT "_CustomerToProduct_AB_pkey" PRIMARY KEY ("A", "B"));
CREATE TABLE "_invites" ("A" INTEGER NOT NULL, "B" INTEGER NOT NULL);
CREATE UNIQUE INDEX customers_email_key ON customers ("email");
CREATE UNIQUE INDEX one_nick ON customers ("nick" DESC);
CREATE INDEX by_kind ON customers ("kind", "created" DESC);
CREATE INDEX customers_settings_idx ON customers USING GIN ("settings" jsonb_path_ops);
CREATE INDEX customers_nick_idx ON customers ("nick" text_pattern_ops);
CREATE INDEX days ON customers ("day") WHERE day IS NOT NULL;
CREATE UNIQUE INDEX customers_kind_nick_key ON customers ("kind", "nick") WHERE "active" = true AND "day" IS NULL;
CREATE UNIQUE INDEX "Product_aVeryLongFieldNameThatFillsTheIndexName1_aVeryLongF_key" ON "Product" ("aVeryLongFieldNameThatFillsTheIndexName1", "aVeryLongFieldNameThatFillsTheIndexName2");
CREATE INDEX "_CustomerToProduct_B_index" ON "_CustomerToProduct" ("B");
CREATE UNIQUE INDEX "_invites_AB_unique" ON "_invites" ("A", "B");
CREATE INDEX "_invites_B_index" ON "_invites" ("B");
ALTER TABLE audit."order" ADD CONSTRAINT order_customer_id_fkey FOREIGN KEY ("customer_id") REFERENCES customers ("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE audit."order" ADD CONSTRAINT order_product FOREIGN KEY ("productId") REFERENCES "Product" ("sku") ON DELETE NO ACTION ON UPDATE RESTRICT;
ALTER TABLE audit."order" ADD CONSTRAINT "order_parent_region_parentNumber_fkey" FOREIGN KEY ("parent_region", "parentNumber") REFERENCES audit."order" ("region", "number") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "_CustomerToProduct" ADD CONSTRAINT "_CustomerToProduct_A_fkey" FOREIGN KEY ("A") REFERENCES customers ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "_CustomerToProduct" ADD CONSTRAINT "_CustomerToProduct_B_fkey" FOREIGN KEY ("B") REFERENCES "Product" ("sku") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "_invites" ADD CONSTRAINT "_invites_A_fkey" FOREIGN KEY ("A") REFERENCES customers ("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "_invites" ADD CONSTRAINT "_invites_B_fkey" FOREIGN KEY ("B") REFERENCES customers ("id") ON DELETE CASCADE ON UPDATE CASCADE;
CREATE VIEW turnover AS SELECT customers.id AS customer_id, sum(customers.balance) AS total FROM customers GROUP BY customers.id;
